"""What can be said of fetched bytes for which no digest is known."""

from __future__ import annotations

import json
import os
from typing import BinaryIO

from ..formats import Source, stand_in

_SAYS = {"lfs-pointer": "it is a Git-LFS pointer", "html": "it is a web page or a server's message"}


def implausible(name: str, content: BinaryIO) -> str | None:
    """Why the bytes cannot be a whole file of that name, or None where nothing speaks against it."""
    source = Source(content.fileno(), os.fstat(content.fileno()).st_size)
    suffix = os.path.splitext(name)[1]
    if suffix == ".safetensors":
        from ..formats import safetensors

        verdict, _ = safetensors.read(source)
    elif suffix == ".gguf":
        from ..formats import gguf

        verdict, _ = gguf.read(source)
    elif suffix in (".bin", ".pth", ".pt"):
        from ..formats import torch_archive

        verdict, _ = torch_archive.read(source)
    else:
        other = stand_in(source.read(0, 512), source.size, "text")
        if other is None:
            return _not_json(source) if suffix == ".json" else None
        verdict = other
    if verdict.state == "whole":
        return None
    return _SAYS.get(verdict.state) or verdict.problem or f"it is {verdict.state}"


def identical(path: str, content: BinaryIO) -> bool:
    """Whether the file at ``path`` has these very bytes; False where it cannot be read."""
    size = os.fstat(content.fileno()).st_size
    try:
        with open(path, "rb", buffering=0) as old:
            if os.fstat(old.fileno()).st_size != size:
                return False
            theirs, ours = Source(old.fileno(), size), Source(content.fileno(), size)
            return all(theirs.read(at, 1 << 20) == ours.read(at, 1 << 20) for at in range(0, size, 1 << 20))
    except OSError:
        return False


def _not_json(source: Source) -> str | None:
    try:
        json.loads(source.read(0, source.size).decode("utf-8"))
    except (ValueError, RecursionError):
        return "it is not JSON"
    return None
