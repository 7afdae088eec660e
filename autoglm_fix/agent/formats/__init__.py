"""Weight files as bytes: one file a format, each a reader that judges headers against sizes.

A reader is ``read(source: Source) -> (Content, tensors)``. It raises nothing for whatever bytes it is
given but OSError; the verdict is in the Content.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import Iterable, List, NamedTuple, Tuple

_NUMBER = re.compile(r"(?<![^.])[0-9]+(?![^.])")
_GROUPS = 500
_NAME = 200
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
_ERRORS = (b'{"error', b"entry not found", b"access to model", b"invalid username", b"not found", b"unauthorized")


@dataclass(frozen=True)
class TensorGroup:
    """Tensors of one file whose names differ in numbers only (``model.layers.#.mlp.up_proj.weight``).

    ``dtype`` is the format's own word (``BF16``, ``Q4_K``), ``last`` the highest first number in the
    names (the last layer), None for a name without one.
    """

    name: str
    dtype: str
    shape: list[int]
    count: int = 1
    last: int | None = None


@dataclass(frozen=True)
class BadRange:
    """Bytes of a tensor that cannot be weights: ``kind`` is ``zeros`` or ``nan``.

    ``start`` and ``length`` are in bytes, from the tensor's first byte; for ``nan``, ``start`` is the
    first bad value and ``count`` how many there are (of those that were looked at). ``size`` is the
    tensor's size in bytes.
    """

    kind: str
    tensor: str
    dtype: str
    shape: list[int]
    size: int
    start: int
    length: int
    count: int = 1


@dataclass(frozen=True)
class Content:
    """What the bytes of a file say.

    ``format``: ``safetensors``, ``gguf``, ``torch``, ``text``. ``state``: ``whole``, ``truncated``,
    ``padded``, ``lfs-pointer``, ``html`` (a web page or a server's error message), ``broken``
    (``problem`` says how). ``expected_size`` is the size in bytes that the header or a pointer
    promises, None where nothing says; ``sha256`` the digest that a pointer promises. ``names`` is a
    digest of the names, dtypes and shapes of all tensors: equal for two copies of one shard,
    whatever their bytes.
    """

    format: str
    state: str = "whole"
    problem: str = ""
    expected_size: int | None = None
    sha256: str | None = None
    names: str = ""
    tensors: int = 0
    groups: list[TensorGroup] = field(default_factory=list)
    bad: list[BadRange] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)


class Tensor(NamedTuple):
    """One tensor: ``begin`` and ``end`` are bytes of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


Verdict = Tuple[Content, List[Tensor]]


class Source(NamedTuple):
    """An open file. ``read`` gives fewer bytes than asked only at its end."""

    fd: int
    size: int

    def read(self, at: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length > 0 and at < self.size:
            part = os.pread(self.fd, min(length, 1 << 30), at)
            if not part:
                break
            parts.append(part)
            at += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def stand_in(head: bytes, size: int, form: str) -> Content | None:
    """The Content of a pointer or page that stands where a file should be, None for anything else.

    ``head`` is the first 512 bytes or more.
    """
    if head.startswith(b"version https://git-lfs") and size < 1024:
        from .pointers import pointer

        return pointer(head, form)
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_PAGES) or (size < 4096 and start.startswith(_ERRORS)):
        return Content(form, "html", problem=clean(head[:120].decode("utf-8", "replace")))
    return None


def clean(text: str) -> str:
    """Text of a host's file as one short line that any encoder takes."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() else " " for each in plain[:_NAME]).strip()


def described(content: Content, tensors: list[Tensor]) -> Content:
    """The verdict with the tensors summed up."""
    digest = hashlib.sha256()
    for each in sorted(tensors):
        digest.update(repr(each[:3]).encode("utf-8", "replace"))
    return Content(
        content.format,
        content.state,
        content.problem,
        content.expected_size,
        content.sha256,
        digest.hexdigest() if tensors else "",
        len(tensors),
        _groups(tensors),
        settings=content.settings,
    )


def _groups(tensors: Iterable[Tensor]) -> list[TensorGroup]:
    found: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for name, dtype, shape, _, _ in tensors:
        number = _NUMBER.search(name)
        at = int(number.group()[:9]) if number else -1
        key = (_NUMBER.sub("#", name) if number else name, dtype, shape)
        seen = found.get(key)
        if seen is None:
            found[key] = [1, at]
        else:
            seen[0] += 1
            seen[1] = max(seen[1], at)
    return [
        TensorGroup(clean(name), dtype, list(shape), count, None if last < 0 else last)
        for (name, dtype, shape), (count, last) in list(found.items())[:_GROUPS]
    ]
