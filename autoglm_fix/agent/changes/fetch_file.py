"""fetch_file: a whole file from a folder of the host or over HTTP, checked before it replaces anything."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar

from ..context import Context
from . import CannotChange, Preview
from .keep import obstacle, room_for, take_after
from .plausible import identical, implausible
from .transfer import Transfer

_CHUNK = 1 << 20
_PART = ".autoglm-fix-part-"


@dataclass(frozen=True)
class Space:
    """What the fetches that one request previews ask of each filesystem: device -> path -> bytes."""

    asked: dict[int, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def collect(cls, ctx: Context) -> Space:
        return cls()

    def obstacle(self, path: str, needed: int) -> str | None:
        """As ``keep.obstacle``, with what was asked for other paths of the same filesystem added."""
        folder = os.path.dirname(path) or "."
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        try:
            wishes = self.asked.setdefault(os.stat(folder).st_dev, {})
        except OSError as err:
            return f"cannot look at {folder}: {err.strerror}"
        wishes[path] = needed
        return obstacle(path, sum(wishes.values()))


@dataclass(frozen=True)
class FetchFile:
    """Put a copy of ``source`` (an absolute path, or an http or https address) at ``path``.

    ``size`` (bytes), ``sha256`` and ``git_oid`` (the id that git gives a small file) are what it must
    be, None where unknown; ``etag`` is the entity that the source had when it was planned. ``auth``
    names whose token the source is shown ("hf": the host's own, never part of the change). ``limit``
    is in bytes a second, 0 for none; ``patience`` the seconds without a byte that end the fetch.
    Bytes of a fetch that broke off stay beside the path, and the next one goes on from there.
    """

    path: str
    source: str
    size: int | None = None
    sha256: str | None = None
    git_oid: str | None = None
    etag: str | None = None
    auth: str = ""
    limit: int = 0
    patience: float = 60.0
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "fetch_file"
    risk: ClassVar[str] = "safe"
    undo: ClassVar[str] = "exact"

    @property
    def partial(self) -> str:
        """Where the bytes gather: one name for one content of one path."""
        wanted = self.sha256 or self.git_oid or f"{self.source} {self.size} {self.etag}"
        folder, name = os.path.split(self.path)
        return os.path.join(folder, f".{name}{_PART}{hashlib.sha256(wanted.encode()).hexdigest()[:8]}")

    @property
    def scratch(self) -> str | None:
        """What a fetch that was cut off leaves and no later one goes on from."""
        return self.partial if self.local else None

    @property
    def local(self) -> bool:
        return not self.source.startswith(("http://", "https://"))

    def preview(self, ctx: Context) -> Preview:
        lines = [f"-{os.lstat(self.path).st_size} bytes"] if os.path.lexists(self.path) else []
        size = "of unknown size" if self.size is None else f"{self.size} bytes"
        digest = f", sha256 {self.sha256}" if self.sha256 else f", git {self.git_oid}" if self.git_oid else ""
        lines.append(f"+{size} from {self.source}{digest}")
        problem = self._cannot_read() if self.local else None
        if problem is None and os.path.isdir(self.path):
            problem = f"{self.path} is a folder"
        hint = None
        if problem is None:
            problem = ctx.fact(Space).obstacle(self.path, self._needed())
            hint = problem and room_for(self.path, self._needed())
        return Preview("\n".join(lines), problem, hint)

    def stage(self, ctx: Context, staged: str) -> None:
        problem = self._cannot_read() if self.local else None
        if problem:
            raise CannotChange(problem)
        problem = obstacle(self.path, self._needed())
        if problem:
            raise CannotChange(problem, hint=room_for(self.path, self._needed()))
        try:
            with _exclusive(self.partial) as out:
                self._bring(ctx, out)
                try:
                    os.fsync(out.fileno())
                except OSError:
                    os.unlink(self.partial)
                    raise
                # By its descriptor: whoever may write into the folder could swap the name.
                take_after(self.path, out.fileno())
                os.rename(self.partial, staged)
            self._forget_others()
        except OSError as err:
            raise CannotChange(f"{self.path} could not be fetched: {err.strerror or err}") from err

    def _bring(self, ctx: Context, out: BinaryIO) -> None:
        name = os.path.basename(self.path)
        trusted = bool(self.sha256 or self.git_oid)
        way = Transfer(ctx, name, self.size, self.etag, trusted, self.auth, self.limit, self.patience)
        while True:
            try:
                if self.local:
                    way.from_file(self.source, out)
                else:
                    way.from_web(self.source, out)
            except (CannotChange, OSError):
                if self.local or out.seek(0, os.SEEK_END) == 0:
                    os.unlink(self.partial)
                raise
            problem = self._wrong(ctx, out)
            if problem is None:
                return
            out.truncate(0)
            if not way.resumed:
                os.unlink(self.partial)
                raise CannotChange(f"{self.source} is not what was planned: {problem}", hint="name another source")
            ctx.log(f"{name}: what an earlier run had fetched does not fit; fetching all of it")

    def _forget_others(self) -> None:
        """Remove what is left of fetches of another content for the same path."""
        folder, name = os.path.split(self.path)
        for each in os.listdir(folder):
            if each.startswith(f".{name}{_PART}"):
                os.unlink(os.path.join(folder, each))

    def _wrong(self, ctx: Context, out: BinaryIO) -> str | None:
        """Why the fetched bytes are not the wanted file, or None."""
        size = out.seek(0, os.SEEK_END)
        if self.size is not None and size != self.size:
            return f"it has {size} bytes, not {self.size}"
        if os.path.isfile(self.path) and identical(self.path, out):
            return "it has the very bytes that are to be replaced"
        if self.sha256:
            wanted, digest = self.sha256, hashlib.sha256()
        elif self.git_oid:
            wanted, digest = self.git_oid, hashlib.sha1(b"blob %d\0" % size)
        else:
            return implausible(self.path, out)
        out.seek(0)
        done = 0
        for data in iter(lambda: out.read(_CHUNK), b""):
            digest.update(data)
            done += len(data)
            ctx.progress(f"checking {os.path.basename(self.path)}", done, size)
        found = digest.hexdigest()
        return None if found == wanted.lower() else f"its digest is {found}, not {wanted}"

    def _cannot_read(self) -> str | None:
        if not os.path.isabs(self.source):
            return f"{self.source} is neither an absolute path nor an http or https address"
        try:
            found = os.stat(self.source)
        except OSError as err:
            return f"cannot read {self.source}: {err.strerror}"
        if not stat.S_ISREG(found.st_mode):
            return f"{self.source} is not a file"
        if not os.access(self.source, os.R_OK):
            return f"no permission to read {self.source}"
        if self.size is not None and found.st_size != self.size:
            return f"{self.source} has {found.st_size} bytes, {self.size} were planned"
        if os.path.exists(self.path) and os.path.samefile(self.source, self.path):
            return f"{self.source} is the very file that is to be replaced"
        return None

    def _needed(self) -> int:
        """Bytes that the filesystem must still have, those of an unfinished fetch being there already."""
        size = self.size
        if size is None and self.local:
            size = os.stat(self.source).st_size
        there = os.lstat(self.partial).st_size if os.path.lexists(self.partial) else 0
        return max(0, (size or 0) - there)


def _exclusive(path: str) -> BinaryIO:
    """The partial file, opened for this process alone; what somebody else planted there is not used."""
    if os.path.lexists(path):
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            os.unlink(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    out = os.fdopen(handle, "r+b", buffering=0)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        out.close()
        raise CannotChange(f"another fetch writes to {path}", hint="wait until it ends, then run again") from err
    except OSError:
        pass  # a filesystem without locks
    if os.path.lexists(path) and os.path.samestat(os.lstat(path), os.fstat(handle)):
        return out
    out.close()
    raise CannotChange(f"another fetch has just finished {path}", hint="run again")
