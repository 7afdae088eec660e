"""Reads the texts that a definition is made of."""

from __future__ import annotations

import hashlib
import os
import stat

from ..facts.service import Source
from ..facts.text_file import TextFile

_LONGEST = 1 << 20


def source(kind: str, path: str, *, optional: bool = False) -> Source:
    """A text of a definition, read now. One that may not be read is ``unreadable``, with the reason."""
    return Source(kind, _text(path), optional)


def _text(path: str) -> TextFile:
    name = os.path.basename(path)
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return TextFile(name, path, path, "not-a-file")
        if found.st_size > _LONGEST:
            return TextFile(name, path, path, "too-large", detail=f"{found.st_size} bytes")
        with open(path, "rb") as opened:
            raw = opened.read(_LONGEST)
    except FileNotFoundError:
        return TextFile(name, path, path, "missing")
    except OSError as err:
        return TextFile(name, path, path, "unreadable", detail=err.strerror or str(err))
    digest = hashlib.sha256(raw).hexdigest()
    try:
        return TextFile(name, path, path, "ok" if raw.strip() else "empty", raw.decode("utf-8"), digest)
    except UnicodeDecodeError as err:
        return TextFile(name, path, path, "not-text", "", digest, f"byte {err.start}")
