"""Bringing a file's bytes to an open file: resumed where that is safe, at most so fast, with progress."""

from __future__ import annotations

import errno
import fcntl
import http.client
import os
import time
from dataclasses import dataclass
from typing import BinaryIO

from ..context import Context
from ..web import Web, WebError, broken, surroundings
from . import CannotChange

_CHUNK = 1 << 20
_SYNC = 256 << 20  # what is left to the last fsync is short work, so that nobody takes it for a hang
_IN_A_ROW = 5  # broken connections in a row, each bringing less than a chunk, that end a fetch
_CLONE = 0x40049409  # FICLONE of <linux/fs.h>
_NO_RANGE_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.EIO)


@dataclass
class Transfer:
    """One file on its way. ``name`` is for people, ``size`` in bytes or None, ``limit`` bytes a second or 0.

    ``etag`` is the entity that a resumption must still find; ``trusted`` says that a digest will be
    checked at the end, so that one may resume without it. ``patience`` is how many seconds without a
    byte end it. ``resumed`` tells afterwards whether bytes of an earlier run are part of the result.
    """

    ctx: Context
    name: str
    size: int | None
    etag: str | None = None
    trusted: bool = False
    auth: str = ""
    limit: int = 0
    patience: float = 60.0
    resumed: bool = False
    _heard: float = 0.0
    _unsynced: int = 0

    def from_web(self, url: str, out: BinaryIO) -> None:
        """Complete ``out`` from ``url``. CannotChange where that fails; what came stays in ``out``."""
        have = out.seek(0, os.SEEK_END)
        if (self.size is not None and have > self.size) or not (self.trusted or self.etag):
            have = _restart(out)
        self.resumed = have > 0
        web, failures, self._heard = Web(surroundings(self.ctx)), 0, time.monotonic()
        while have != self.size:
            try:
                if self._pull(web, url, out, have):
                    return
                problem = WebError(f"{url} ended early", again=True)
            except WebError as err:
                problem = err
            came = out.seek(0, os.SEEK_END) - have
            have += came
            failures = 0 if came >= _CHUNK else failures + 1
            if not problem.again:
                raise CannotChange(f"{self.name}: {problem}", hint=problem.hint) from problem
            if failures >= _IN_A_ROW or time.monotonic() - self._heard >= self.patience:
                raise CannotChange(
                    f"{self.name}: {problem}; {have} bytes are kept", hint="run again to go on from there"
                ) from problem
            time.sleep(min(problem.wait or 0.25 * 2**failures, self.patience / 4))

    def _pull(self, web: Web, url: str, out: BinaryIO, have: int) -> bool:
        """One request and all that it brings; False where the connection broke before the end."""
        headers = {}
        if have and not (self.trusted or self.etag):
            have = _restart(out)  # nothing would tell whether the rest belongs to these bytes
        if have:
            headers["Range"] = f"bytes={have}-"
            if self.etag:
                headers["If-Range"] = self.etag
        try:
            # Half of it: a connection that died in silence leaves time for one other.
            response = web.open(url, headers=headers, auth=self.auth, timeout=self.patience / 2)
        except WebError as err:
            if err.status == 416:  # less is there by now than was fetched already
                _restart(out)
                raise WebError(str(err), err.status, again=True) from err
            raise
        with response:
            have, total = self._begin(url, response, out, have)
            pace = _Pace(self.limit)
            while total is None or have < total:
                want = pace.chunk if total is None else min(pace.chunk, total - have)
                try:
                    data = response.read1(want)
                except (OSError, http.client.HTTPException) as err:
                    raise broken(url, err) from err
                if not data:
                    break
                self._write(out, data)
                have += len(data)
                self._moved(out, len(data), have, total or have + 1)
                pace.moved(len(data))
                self._heard = time.monotonic()
        return have == total or (total is None and have > 0)

    def _begin(self, url: str, response: http.client.HTTPResponse, out: BinaryIO, have: int) -> tuple[int, int | None]:
        """Bytes in ``out`` that this answer goes on from, and the whole size where it is known."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise WebError(f"{url} comes compressed, which can be neither resumed nor checked")
        if response.status == 206:
            start, total = _content_range(response.headers.get("Content-Range", ""))
            if start != have:
                raise WebError(f"{url} sends another range than was asked for")
        else:
            length = response.headers.get("Content-Length", "")
            have, total = _restart(out), int(length) if length.isdigit() else None
            self.resumed, self.etag = False, None
        if self.size is not None and total is not None and total != self.size:
            raise WebError(f"{url} has {total} bytes, {self.size} were planned", hint="run again to plan anew")
        self.etag = self.etag or _strong(response.headers.get("ETag")) or response.headers.get("Last-Modified")
        return have, total if self.size is None else self.size

    def from_file(self, source: str, out: BinaryIO) -> None:
        """Copy a file of the host, without moving bytes where its filesystem can share them."""
        _restart(out)
        with open(source, "rb") as handle:
            before = os.fstat(handle.fileno())
            if self.limit or not _cloned(handle, out):
                self._copy(handle, out, before.st_size)
            after = os.fstat(handle.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise CannotChange(f"{source} changed while it was copied", hint="run again")

    def _copy(self, handle: BinaryIO, out: BinaryIO, total: int) -> None:
        pace = _Pace(self.limit)
        in_kernel = hasattr(os, "copy_file_range")
        have = 0
        while have < total:
            if in_kernel:
                try:
                    moved = os.copy_file_range(handle.fileno(), out.fileno(), pace.chunk)
                except OSError as err:
                    if err.errno not in _NO_RANGE_COPY:
                        raise self._full(out, err) from err
                    moved = 0
                in_kernel = moved > 0  # some filesystems say 0 where they mean "not this way"
            if not in_kernel:
                data = handle.read(pace.chunk)
                if not data:
                    break
                self._write(out, data)
                moved = len(data)
            have += moved
            self._moved(out, moved, have, total)
            pace.moved(moved)

    def _moved(self, out: BinaryIO, count: int, have: int, total: int) -> None:
        self._unsynced += count
        if self._unsynced >= _SYNC:
            try:
                os.fdatasync(out.fileno())
            except OSError as err:
                raise self._full(out, err) from err
            self._unsynced = 0
        self.ctx.progress(self.name, have, total)

    def _write(self, out: BinaryIO, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[out.write(rest) :]
        except OSError as err:
            raise self._full(out, err) from err

    def _full(self, out: BinaryIO, err: OSError) -> CannotChange:
        """A disk that takes no more gets back at once what this fetch took of it."""
        _restart(out)
        return CannotChange(f"{self.name} cannot be written: {err.strerror}")


class _Pace:
    """Holds a transfer to ``limit`` bytes a second; 0 for as fast as it goes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.chunk = min(_CHUNK, max(1, limit // 4)) if limit else _CHUNK
        self._since = time.monotonic()
        self._moved = 0

    def moved(self, count: int) -> None:
        self._moved += count
        if self.limit:
            time.sleep(max(0.0, self._since + self._moved / self.limit - time.monotonic()))


def _restart(out: BinaryIO) -> int:
    out.seek(0)
    return out.truncate(0)


def _cloned(handle: BinaryIO, out: BinaryIO) -> bool:
    try:
        fcntl.ioctl(out.fileno(), _CLONE, handle.fileno())
    except OSError:
        return False
    return True


def _strong(etag: str | None) -> str | None:
    return etag if etag and etag.startswith('"') else None


def _content_range(text: str) -> tuple[int, int | None]:
    """First byte and whole size of ``bytes 100-199/200``; a first byte of -1 where it says no such thing."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes" or not start.isdigit():
        return -1, None
    return int(start), int(total) if total.isdigit() else None
