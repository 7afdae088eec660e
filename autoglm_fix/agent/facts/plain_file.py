"""plain_file: one text file of the host, by its path."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import ClassVar

from ..context import Context
from ..unknown import CannotTell
from .text_file import LONGEST, TextFile


@dataclass(frozen=True)
class PlainFile:
    """A file as the host sees it.

    Its states are ``ok``, ``missing``, ``empty``, ``not-text``, ``too-large`` and ``not-a-file`` (see ``TextFile``).
    """

    file: TextFile

    of_host: ClassVar[bool] = True

    @classmethod
    def collect(cls, ctx: Context, *, path: str = "") -> PlainFile:
        """Read it, its links followed. CannotTell where that is not permitted."""
        try:
            seen = os.stat(path)
            if not stat.S_ISREG(seen.st_mode):
                return cls(TextFile(path, path, path, "not-a-file"))
            if seen.st_size > LONGEST:
                return cls(TextFile(path, path, path, "too-large", detail=f"{seen.st_size} bytes"))
            with open(path, "rb") as source:
                raw = source.read(LONGEST)
        except (FileNotFoundError, NotADirectoryError):
            return cls(TextFile(path, path, path, "missing"))
        except (OSError, ValueError) as err:
            raise CannotTell(f"cannot read {path}: {getattr(err, 'strerror', err)}") from err
        digest = hashlib.sha256(raw).hexdigest()
        try:
            return cls(TextFile(path, path, path, "ok" if raw.strip() else "empty", raw.decode("utf-8"), digest))
        except UnicodeDecodeError as err:
            return cls(TextFile(path, path, path, "not-text", "", digest, f"byte {err.start}"))

    # For the controller.
    @property
    def reads(self) -> list[str]:
        """The host paths that this rests on."""
        return [self.file.inside]
