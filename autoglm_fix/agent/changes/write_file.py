"""write_file: splices into a text file, or a new one."""

from __future__ import annotations

import difflib
import hashlib
import os
from dataclasses import dataclass, field
from typing import ClassVar

from ..context import Context
from . import CannotChange, Preview
from .keep import obstacle, take_after


@dataclass(frozen=True)
class WriteFile:
    """Replace byte ranges of a file, which must still have the digest it was planned on.

    ``splices`` are ``(start, end, text)`` in bytes of the old content, in order, not overlapping.
    ``before`` is the sha256 of the old content, None for a file that does not exist yet; ``after``
    is that of the result, so that a wrong computation never reaches the disk. ``risk`` is ``restart`` for a
    file that the service reads at its start. A new file is readable for those who may read the one that it is
    ``like``, where that is named: it may repeat its secrets.
    """

    path: str
    splices: list[tuple[int, int, str]]
    before: str | None
    after: str
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)
    risk: str = "safe"
    like: str = ""

    kind: ClassVar[str] = "write_file"
    undo: ClassVar[str] = "exact"

    def preview(self, ctx: Context) -> Preview:
        try:
            old, new = self._contents()
        except CannotChange as err:
            return Preview(diff="", problem=str(err), hint=err.hint)
        problem = obstacle(self.path, needed=len(new))
        return Preview(_unified(self.path, old, new), problem)

    def stage(self, ctx: Context, staged: str) -> None:
        _old, new = self._contents()
        with open(staged, "xb") as out:
            # First of all: it may hold a secret that only some may read.
            take_after(self.like if self.before is None and self.like else self.path, out.fileno())
            out.write(new)
            out.flush()
            os.fsync(out.fileno())

    def _contents(self) -> tuple[bytes, bytes]:
        old = b""
        if self.before is not None:
            try:
                with open(self.path, "rb") as source:
                    old = source.read()
            except OSError as err:
                raise CannotChange(f"cannot read {self.path}: {err.strerror}") from err
            if hashlib.sha256(old).hexdigest() != self.before:
                raise CannotChange(
                    f"{self.path} was edited since it was looked at", hint="run again to plan on the file as it is"
                )
        elif os.path.lexists(self.path):
            raise CannotChange(f"{self.path} exists by now", hint="run again to plan on the file as it is")
        new = splice(old, self.splices)
        if hashlib.sha256(new).hexdigest() != self.after:
            raise CannotChange(f"the edit of {self.path} does not give the planned content")
        return old, new


def splice(old: bytes, splices: list[tuple[int, int, str]]) -> bytes:
    """The content with each byte range replaced."""
    parts, at = [], 0
    for start, end, text in splices:
        parts += [old[at:start], text.encode("utf-8")]
        at = end
    return b"".join(parts) + old[at:]


def _unified(path: str, old: bytes, new: bytes) -> str:
    before, after = (content.decode("utf-8", "replace").splitlines() for content in (old, new))
    lines = difflib.unified_diff(before, after, path if old else "/dev/null", path, lineterm="")
    return "\n".join(lines)
