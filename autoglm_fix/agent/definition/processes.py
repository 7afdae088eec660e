"""Live processes, and what they were started with. Nothing here blocks for ever."""

from __future__ import annotations

import os
import threading
import time
from typing import Iterable

from ..facts.service import Running
from ..kernel import stat, text, user

_PATIENCE_S = 2.0
_LONGEST = 1 << 21


def everyone() -> list[int]:
    """All processes, the oldest number first."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    return stat(pid)[:1] not in ([], ["Z"], ["X"])


def since(pid: int) -> float:
    """When it was started, in epoch seconds by the host's clock as it goes now; 0 where it is gone."""
    fields = stat(pid)
    if len(fields) < 20:
        return 0.0
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def tree(*roots: int) -> list[int]:
    """These processes and all below them that live, each once."""
    below: dict[int, list[int]] = {}
    living = set()
    for pid in everyone():
        fields = stat(pid)
        if fields and fields[0] not in "ZX":
            living.add(pid)
            below.setdefault(int(fields[1]), []).append(pid)
    found: list[int] = []
    waiting = [pid for pid in roots if pid in living]
    while waiting:
        pid = waiting.pop(0)
        if pid not in found:
            found.append(pid)
            waiting += below.get(pid, [])
    return found


def contents(paths: Iterable[str]) -> dict[str, bytes | None]:
    """The contents of these files; None for one that may not be read, nothing for one that is gone.

    A process that hangs in a driver with its memory locked blocks whoever reads its ``cmdline`` or
    ``environ``, for ever: such a read is left to its thread, and the file is missing in the answer.
    """
    waiting = list(paths)[::-1]
    found: dict[str, bytes | None] = {}

    def read() -> None:
        while True:
            try:
                path = waiting.pop()
            except IndexError:  # a thread that had hung goes on as well, and may have taken the last one
                return
            try:
                with open(path, "rb") as source:
                    found[path] = source.read(_LONGEST)
            except PermissionError:
                found[path] = None
            except OSError:
                continue

    while waiting:
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        left = -1
        while thread.is_alive() and left != len(waiting):
            left = len(waiting)
            thread.join(_PATIENCE_S)
    return dict(found)


def argvs(pids: Iterable[int]) -> dict[int, list[str]]:
    """What these processes were started with, as far as it can be read; kernel threads are left out."""
    paths = {f"/proc/{pid}/cmdline": pid for pid in pids}
    return {paths[path]: _words(raw) for path, raw in contents(paths).items() if raw}


def _words(raw: bytes) -> list[str]:
    return [each.decode("utf-8", "replace") for each in raw.rstrip(b"\0").split(b"\0")]


def running(pid: int, pids: Iterable[int] = ()) -> Running | None:
    """The process as it was started, with all that belongs to it; None where it is gone."""
    if not alive(pid):
        return None
    cmdline, environ = f"/proc/{pid}/cmdline", f"/proc/{pid}/environ"
    read = contents([cmdline, environ])
    variables = read.get(environ)
    pairs = [each.partition("=") for each in _words(variables or b"")]
    family = tree(pid, *pids)
    return Running(
        pid,
        family,
        _words(read.get(cmdline) or b""),
        None if variables is None else {name: value for name, equals, value in pairs if equals},
        end_of(f"/proc/{pid}/cwd"),
        _user(pid),
        next((path for path in map(_python, family) if path), None),
        since(pid),
    )


def end_of(link: str) -> str | None:
    """The text of a link below /proc, None where it may not be read."""
    try:
        return os.readlink(link)
    except OSError:
        return None


def _python(pid: int) -> str | None:
    path = end_of(f"/proc/{pid}/exe")
    return path if path and os.path.basename(path).startswith(("python", "pypy")) else None


def _user(pid: int) -> str:
    for line in text(f"/proc/{pid}/status").splitlines():
        if line.startswith("Uid:"):
            return user(int(line.split()[2]))
    return ""
