"""Filesystems that several hosts have: what a path is called by all of them, and a lock that keeps others out of it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import time
from dataclasses import dataclass
from typing import Any, Iterator

from .changes import CannotChange
from .kernel import text
from .unknown import CannotTell
from .wheels.owner import acting_as_owner

_TYPES = frozenset(
    (
        "nfs",
        "nfs4",
        "ceph",
        "lustre",
        "cifs",
        "smb3",
        "gpfs",
        "beegfs",
        "9p",
        "afs",
        "ocfs2",
        "gfs2",
        "orangefs",
        "wekafs",
    )
)
_OF_ONE_HOST = frozenset(("fuse.lxcfs", "fuse.portal", "fuse.gvfsd-fuse", "fuse.snapfuse", "fuse.mergerfs"))
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_SECOND_NAME = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


@dataclass(frozen=True)
class Shared:
    """A path on a filesystem that other hosts may have too: its ``source``, and the path ``inside`` that."""

    kind: str
    source: str
    inside: str

    @property
    def key(self) -> str:
        """The same on every host, wherever it is mounted there."""
        return self.filesystem.rstrip("/") + self.inside.rstrip("/")

    @property
    def filesystem(self) -> str:
        return self.source if self.kind.startswith("nfs") else f"{self.kind} {self.source}"


def shared(path: str, mounts: str = "/proc/self/mountinfo") -> Shared | None:
    """What a path is to all hosts that have its filesystem; None for one that is this host's alone.

    What is not there yet lies where it would be made.
    """
    folder, name = os.path.split(path.rstrip("/"))
    missing = [name]
    while folder not in ("", "/") and not os.path.lexists(folder):
        folder, name = os.path.split(folder)
        missing.insert(0, name)
    real = os.path.join(os.path.realpath(folder or "/"), *missing)
    found = None
    for line in text(mounts).splitlines():
        left, _, right = line.partition(" - ")
        if not right:
            continue
        at = _plain(left.split(" ")[4])
        if (real + "/").startswith(at.rstrip("/") + "/") and (found is None or len(at) >= len(found[0])):
            found = at, left, right  # of two at one place the later one is seen
    if found is None:
        return None
    at, left, right = found
    kind, source = right.split(" ")[:2]
    if kind not in _TYPES and (kind.partition(".")[0] != "fuse" or kind in _OF_ONE_HOST):
        return None
    root = _plain(left.split(" ")[3])
    return Shared(kind, _plain(source), os.path.normpath(root + "/" + real[len(at.rstrip("/")) :]))


def resources(ctx: Any, change: Any) -> dict[str, str]:
    """What other hosts share of a change: empty for what is this host's alone.

    ``shared`` is the path that it changes, ``loads`` where its bytes, or those of its model, come from.
    """
    try:
        return {"shared": _key(change.path), "loads": _loads(ctx, change)}
    except (CannotTell, OSError):
        return {}  # the preview itself says what cannot be looked at


def _key(path: str) -> str:
    found = shared(path) if os.path.isabs(path) else None
    return found.key if found else ""


def _loads(ctx: Any, change: Any) -> str:
    if change.kind == "install":
        urls = [str(pin["url"]) for pin in change.pins if change.source == "index" and pin["version"] is not None]
        return _server(urls[0]) if urls else ""
    if change.kind == "fetch_file":
        found = None if _server(change.source) else shared(change.source)
        return found.filesystem if found else _server(change.source)
    if change.kind not in ("restart", "daemon-reload", "recreate") or not ctx.service.model:
        return ""
    from .loading import source

    try:
        place, server = source(ctx)
    except (CannotTell, OSError):
        return ""  # what its start reads from
    found = shared(os.path.realpath(place) + "/model") if place else None
    return found.filesystem if found else _server(server)


def _server(address: str) -> str:
    """The server of an address; nothing for a path."""
    found = re.match(r"https?://(?:[^/@]*@)?([^/?#]+)", address)
    return found.group(1) if found else ""


def _plain(field: str) -> str:
    """A field of mountinfo, without its escapes."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code.group(1), 8)), field)


@contextlib.contextmanager
def alone(path: str, by: str) -> Iterator[None]:
    """Keep everybody else who uses this tool out of a shared path, by a file beside it. CannotChange: it is taken.

    A file of a process of this host that is no more is taken over. On a filesystem of this host nothing is done:
    the host's own lock is enough.
    """
    if not os.path.isabs(path) or shared(path) is None:
        yield
        return
    # As who owns the folder: on some servers root may not write there, and nowhere does it follow that user's links.
    lock = _place(path)
    folder = os.path.dirname(lock)
    try:
        with acting_as_owner(folder):
            ours = _take(lock, json.dumps({"by": by, "since": time.strftime("%Y-%m-%d %H:%M:%S %z"), **_here()}))
    except OSError as err:
        raise CannotChange(f"{lock} cannot be made, which keeps others out: {err.strerror}") from err
    try:
        yield
    finally:
        if ours:
            with contextlib.suppress(FileNotFoundError), acting_as_owner(folder):
                os.unlink(lock)


def _place(path: str) -> str:
    folder, name = os.path.split(path.rstrip("/"))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return os.path.join(folder, f".{name}.autoglm-fix-lock")


def _take(lock: str, mine: str) -> bool:
    """Have the lock. Whether it has been taken just now; else this very process has it already."""
    for _ in range(2):
        if _made(lock, mine):
            return True
        holder = _holder(lock)
        if all(holder.get(each) == value for each, value in _here().items()):
            return False
        if not _is_gone(holder):
            who = (
                f"{holder.get('by', 'somebody')} on {holder.get('host', 'some host')}, since {holder.get('since', '?')}"
            )
            raise CannotChange(
                f"{lock}: another host is changing this: {who}",
                hint=f"wait until it has ended; where nothing works on it any more: `rm {lock}`",
            )
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)
    raise CannotChange(f"{lock}: another host has just begun to change this", hint="run again")


def _made(lock: str, mine: str) -> bool:
    """Whether the lock is ours now. By a second name for a file of our own, which holds on NFS too."""
    own = f"{lock}-{platform.node()}-{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(own)
    with os.fdopen(os.open(own, _NEW, 0o644), "w", encoding="utf-8") as out:
        out.write(mine)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(own, lock)
    except OSError as err:
        if err.errno in _NO_SECOND_NAME:
            return _created(lock, mine)
        if err.errno == errno.EEXIST and os.stat(own).st_nlink != 2:
            return False
        if os.stat(own).st_nlink != 2:  # a server's answer that was lost is no failure
            raise
    finally:
        os.unlink(own)
    return True


def _created(lock: str, mine: str) -> bool:
    """The same on a filesystem without second names."""
    try:
        handle = os.open(lock, _NEW, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as out:
        out.write(mine)
    return True


def _holder(lock: str) -> dict[str, Any]:
    try:
        with os.fdopen(os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8") as source:
            found = json.loads(source.read(4096))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _here() -> dict[str, Any]:
    """What tells this process from every other one of every host."""
    machine, boot = text("/etc/machine-id").strip(), text("/proc/sys/kernel/random/boot_id").strip()
    spaces = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return {"host": platform.node(), "machine": machine, "boot": spaces, "pid": os.getpid()}


def _is_gone(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this very host, and is no more."""
    here = _here()
    if holder.get("boot") == here["boot"]:
        return not os.path.exists(f"/proc/{holder.get('pid')}")
    same = all(holder.get(each) == here[each] for each in ("host", "machine"))
    other_boot = str(holder.get("boot")).partition(" ")[0] != str(here["boot"]).partition(" ")[0]
    return bool(same and here["machine"] and other_boot)
