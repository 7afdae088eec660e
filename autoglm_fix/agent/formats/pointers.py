"""Git LFS pointers: small texts that stand where a file's bytes were never fetched."""

from __future__ import annotations

import re

from . import Content


def pointer(head: bytes, form: str) -> Content:
    """The Content of a pointer, with the size and the digest that it promises."""
    said: dict[str, str] = {}
    for line in head[:1024].decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(" ")
        said[key] = value
    oid, promised = said.get("oid", ""), said.get("size", "")
    return Content(
        form,
        "lfs-pointer",
        expected_size=int(promised) if promised.isascii() and promised.isdigit() and len(promised) < 16 else None,
        sha256=oid[7:] if re.match(r"sha256:[0-9a-f]{64}$", oid) else None,
    )
