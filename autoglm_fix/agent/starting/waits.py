"""What processes that do not move wait for, as far as /proc tells."""

from __future__ import annotations

import glob
import os
import time
from functools import partial
from typing import Any, Callable, Iterator

from ..apart import Apart, say
from ..context import Context
from ..endpoint.owner import name_of
from ..facts.start_up import Wait
from ..kernel import stat
from ..sockets import LISTEN, address, port_of, rows

_SYN_SENT, _CLOSED, _ESTABLISHED = "02", "07", "01"
_MAPPED = "[::ffff:"
_DNS = 53
_PATIENCE_S = 10.0
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "glusterfs", "gpfs", "beegfs", "9p", "virtiofs", "fuse")
# Locks of downloads and of compilers, held by whoever works; others poll, which cannot be seen from outside.
_CACHES = ("/.locks/", "/huggingface/", "/modelscope/", "/triton", "/torch_extensions/", "/flashinfer/", "/vllm/")


def waits(ctx: Context, service: Any, pids: list[int]) -> list[Wait]:
    """All waits that can be told, each once.

    Looking at files on a filesystem that hangs would hang us as well: children do it, which may be left behind.
    """
    deadline = time.monotonic() + _PATIENCE_S
    ways: list[Callable[[], Iterator[Wait]]] = [
        partial(_sockets, pids),
        partial(_disks, ctx, pids),
        partial(_locks, pids),
        partial(_abandoned_locks, service),
    ]
    asked = [Apart(partial(_say, find)) for find in ways]
    found = [Wait(**each) for child in asked for each in child.answer(deadline).get("waits", ())]
    return list(dict.fromkeys(found))


def _say(find: Callable[[], Iterator[Wait]], sink: int) -> None:
    say(sink, {"waits": [vars(each) for each in find()]})


def listening(pids: list[int]) -> list[int]:
    """The TCP ports on which these processes take connections."""
    tcp = (row for _pid, kind, row in _socket_rows(pids) if kind.startswith("tcp"))
    return sorted({port_of(row[1]) for row in tcp if row[3] == LISTEN})


def _socket_rows(pids: list[int]) -> Iterator[tuple[int, str, list[str]]]:
    """The rows of the kernel's tables that are about sockets of these processes: pid, kind of table, fields."""
    for pid in pids:
        own = _open_paths(pid, "socket:[")
        for kind in ("tcp", "tcp6", "udp", "udp6") if own else ():
            for row in rows(f"/proc/{pid}/net/{kind}"):
                if f"socket:[{row[9]}]" in own:
                    yield pid, kind, row


def _sockets(pids: list[int]) -> Iterator[Wait]:
    """Connections that nobody accepts, and questions to a name server."""
    for pid, _kind, row in _socket_rows(pids):
        to, port = _address(row[2].partition(":")[0]), port_of(row[2])
        if row[3] == _SYN_SENT:
            yield Wait("connect", f"{to}:{port}", pid)
        elif port == _DNS and row[3] in (_ESTABLISHED, _CLOSED):
            yield Wait("dns", to, pid)


def _address(written: str) -> str:
    """An address as people write it; one of IPv4 that an IPv6 socket has, as that of IPv4."""
    found = address(written)
    return found[len(_MAPPED) : -1] if found.startswith(_MAPPED) and "." in found else found


def _disks(ctx: Context, pids: list[int]) -> Iterator[Wait]:
    """Processes in uninterruptible sleep, and the network filesystem that they have files on."""
    for pid in pids:
        for task in _tasks(pid):
            fields = _read(f"{task}/stat").rpartition(")")[2].split()
            if fields[:1] != ["D"]:
                continue
            yield Wait("disk", _read(f"{task}/wchan").strip("0 \n") or "-", pid, _filesystem(ctx, pid))
            break


def _tasks(pid: int) -> list[str]:
    return glob.glob(f"/proc/{pid}/task/*")


def _filesystem(ctx: Context, pid: int) -> str:
    """The remote filesystem that holds the model or an open file; nothing is asked of the filesystem itself."""
    paths = [*_open_paths(pid, "/"), ctx.declared.model or ""]
    best = ("", "")
    for line in _read(f"/proc/{pid}/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) < 5 or len(kind) < 2 or kind[0].split(".")[0] not in _REMOTE:
            continue
        point = words[4].rstrip("/") + "/"
        if any((path + "/").startswith(point) for path in paths) and len(point) > len(best[0]):
            best = (point, f"{words[4]} ({kind[0]}, {kind[1]})")
    return best[1]


def _locks(pids: list[int]) -> Iterator[Wait]:
    """Locks that a process is queued for, and locks of caches that others hold."""
    holders: dict[str, int] = {}
    queued: list[tuple[int, str]] = []
    for row in map(str.split, _read("/proc/locks").splitlines()):
        blocked = row[1:2] == ["->"]
        words = row[2:] if blocked else row[1:]
        if len(words) < 5 or not words[3].lstrip("-").isdigit():
            continue
        pid, where = int(words[3]), words[4]
        if blocked:
            queued.append((pid, where))
        else:
            holders.setdefault(where, pid)
    for pid, where in queued:
        holder = holders.get(where, 0)
        if pid in pids:
            path = _path_of(where, [pid, holder])
            yield Wait("lock", path, pid, _who(holder))
    for where, pid in holders.items():
        if pid in pids or pid <= 0:
            continue
        path = _path_of(where, [pid])
        if path.endswith("lock") and any(each in path for each in _CACHES):
            yield Wait("held", path, 0, _who(pid))


def _path_of(where: str, pids: list[int]) -> str:
    """The path of a locked file, found among what these processes have open; else its device and inode."""
    inode = where.rpartition(":")[2]
    for pid in pids:
        for link, path in _open_files(pid):
            try:
                if str(os.stat(link).st_ino) == inode:
                    return path
            except OSError:
                continue
    return where


def _who(pid: int) -> str:
    return f"{name_of(pid) or '?'} (pid {pid})" if pid > 0 else ""


def _abandoned_locks(service: Any) -> Iterator[Wait]:
    """Lock files of torch's extensions that a build left behind: a process that finds one waits for ever."""
    variables = {**((service.defined and service.defined.environment) or {}), **(service.running.environment or {})}
    home = variables.get("HOME") or os.path.expanduser(f"~{service.running.user}")
    folder = variables.get("TORCH_EXTENSIONS_DIR") or os.path.join(home, ".cache", "torch_extensions")
    root = f"/proc/{service.running.pid}/root"
    at = root + folder
    found = [each for depth in ("*", "*/*") for each in glob.glob(os.path.join(glob.escape(at), depth, "lock"))]
    if not found:
        return
    held = {path for pid in _everyone() for _link, path in _open_files(pid)}
    for path in found:
        inside = path[len(root) :]
        if inside not in held and inside + " (deleted)" not in held:
            yield Wait("left", inside)


def _everyone() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and stat(int(name))]


def _open_paths(pid: int, beginning: str) -> set[str]:
    return {path for _link, path in _open_files(pid) if path.startswith(beginning)}


def _open_files(pid: int) -> list[tuple[str, str]]:
    """The open files of a process: the link below /proc, and where it leads."""
    folder = f"/proc/{pid}/fd"
    found = []
    try:
        for name in os.listdir(folder):
            try:
                found.append((f"{folder}/{name}", os.readlink(f"{folder}/{name}")))
            except OSError:
                continue
    except OSError:
        pass
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return ""
