"""A first look for zeros and NaN in a weight file: at its holes, and at a few blocks of its largest tensors."""

from __future__ import annotations

import os
from typing import Iterator

from . import BadRange, Source, Tensor
from .safetensors import BITS

_MOST_HOLES = 1000
_SHORTEST_HOLE = 1 << 16
_SAMPLE = 1 << 12
_REACH = 1 << 22  # how far a sampled run of zeros is followed to each side
# What all values of a sound model keep away from: the size of a value, and the highest byte of each NaN.
_TOPS = {
    "BF16": (2, b"\x7f\xff"),
    "F32": (4, b"\x7f\xff"),
    "F64": (8, b"\x7f\xff"),
    "F16": (2, b"\x7c\x7d\x7e\x7f\xfc\xfd\xfe\xff"),
    "F8_E5M2": (1, b"\x7c\x7d\x7e\x7f\xfc\xfd\xfe\xff"),
    "F8_E4M3": (1, b"\x7f\xff"),
}


def glance(source: Source, tensors: list[Tensor], samples: int) -> list[BadRange]:
    """What holes in the file and a few sampled blocks show; reads some kilobytes.

    A hole is what was never written: a download that reserved its space first and broke off, or
    blocks that a crash lost. They cost no reading, where the filesystem knows them.
    """
    holes = list(_holes(source))
    blocks = []
    for tensor in sorted(tensors, key=lambda each: each.begin - each.end)[:samples]:
        at = tensor.begin + (tensor.end - tensor.begin) // 2
        at -= (at - tensor.begin) % _SAMPLE
        if not any(begin <= at < end for begin, end in holes):
            block = bytearray(source.read(at, min(_SAMPLE, tensor.end - at)))
            if _may_be_bad(block, tensor.dtype):
                blocks.append((tensor, at, block))
    if not holes and not blocks:
        return []
    from .damage import judged

    return judged(source, tensors, holes, blocks, _REACH)


def _may_be_bad(block: bytearray, dtype: str) -> bool:
    """Whether it is all zeros, or could hold a NaN."""
    size, tops = _TOPS.get(dtype, (0, b""))
    if block.count(0) == len(block):
        return True
    return any(top in block[size - 1 :: size] for top in tops) if size else dtype not in BITS


def _holes(source: Source) -> Iterator[tuple[int, int]]:
    at = 0
    for _ in range(_MOST_HOLES):
        try:
            begin = os.lseek(source.fd, at, os.SEEK_HOLE)
            if begin >= source.size:
                return
            try:
                at = os.lseek(source.fd, begin, os.SEEK_DATA)
            except OSError:  # no data up to the end
                at = source.size
        except OSError:
            return
        if at - begin >= _SHORTEST_HOLE:
            yield begin, at
