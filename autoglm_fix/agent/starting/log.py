"""Where the output of a service goes, how long it is by now, and its last lines."""

from __future__ import annotations

import os
import stat
from typing import Any

from ..context import Context
from ..definition import NotDefined
from ..definition.commands import run
from ..definition.logs import last
from ..unknown import CannotTell

_LINES = 120
_TAIL = 1 << 17


class Log:
    """One service's output. ``lost`` says why nobody can read it: ``null``, ``deleted``, or nothing."""

    def __init__(self, ctx: Context, service: Any, files: list[str], lost: str) -> None:
        self._ctx = ctx
        self._service = service
        self._files = files
        self.lost = lost

    def length(self) -> int | None:
        """Its length in bytes; None where it is no file."""
        sizes = []
        for path in self._files:
            try:
                sizes.append(os.stat(path).st_size)
            except OSError:
                continue
        return sum(sizes) if sizes else None

    def lines(self) -> tuple[list[str], float | None]:
        """The last lines, and when the last was written where that is known."""
        found: list[str] = []
        written: float | None = None
        for path in self._files:
            try:
                with open(path, "rb") as source:
                    size = source.seek(0, os.SEEK_END)
                    source.seek(max(0, size - _TAIL))
                    found += last(source.read().decode("utf-8", "replace"), _LINES)
                    written = max(written or 0.0, os.fstat(source.fileno()).st_mtime)
            except OSError:
                continue
        if found or self._files:
            return found, written
        if self._service.manager == "systemd" and self._service.defined is not None:
            return self._journal(self._service.defined.name)
        if self._service.defined is not None and self._service.defined.container is not None:
            return self._container(), None
        return list(self._service.log)[-_LINES:], None

    def _container(self) -> list[str]:
        from ..definition.container_record import found as container
        from ..definition.containers import log_of

        try:
            return log_of(container(self._ctx, self._ctx.service))[-_LINES:]
        except (NotDefined, CannotTell):
            return []

    def _journal(self, unit: str) -> tuple[list[str], float | None]:
        since = [f"--since=@{int(self._service.running.since)}"] if self._service.running.since else []
        try:
            status, out, _err = run(
                "journalctl", "-u", unit, *since, "-n", str(_LINES), "-o", "short-unix", "-q", "--no-pager"
            )
        except CannotTell:
            return [], None
        lines = last(out, _LINES) if not status else []
        times = [line.partition(" ")[0] for line in lines]
        try:
            return lines, float(times[-1]) if times else None
        except ValueError:
            return lines, None


def log_of(ctx: Context, service: Any) -> Log:
    """The output of a service: the inventory's files, else those that its main process writes to."""
    if isinstance(ctx.declared.logs, list):
        return Log(ctx, service, list(ctx.declared.logs), "")
    files: dict[tuple[int, int], str] = {}
    lost = ""
    for number in (1, 2):
        path = f"/proc/{service.running.pid}/fd/{number}"
        try:
            leads, seen = os.readlink(path), os.stat(path)
        except OSError:
            continue
        if leads == "/dev/null":
            lost = lost or "null"
        elif stat.S_ISREG(seen.st_mode):
            files[(seen.st_dev, seen.st_ino)] = path
            lost = "deleted" if leads.endswith(" (deleted)") else lost
    if lost == "null" and files:
        lost = ""
    if not files and service.manager == "supervisor" and not lost:
        from ..definition.supervisor import find, name_of

        files = {(0, at): path for at, path in enumerate(find(ctx.declared).log_files(name_of(ctx.declared)))}
    return Log(ctx, service, list(files.values()), lost)
