"""What zeros and NaN mean for which tensor; and a first look for them at holes and samples."""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import Iterator, Tuple

from . import BadRange, Source, Tensor, clean
from .patterns import SHORTEST_RUN, not_numbers

_MOST_HOLES = 1000
_MOST_BAD = 50
_SAMPLE = 1 << 12
_CHUNK = 1 << 18
_REACH = 1 << 22  # how far a sampled run of zeros is followed to each side

Run = Tuple[int, int]


def glance(source: Source, tensors: list[Tensor], samples: int) -> list[BadRange]:
    """What holes in the file and a few sampled blocks show; reads some kilobytes.

    A hole is what was never written: a download that reserved its space first and broke off, or
    blocks that a crash lost. They cost no reading, where the filesystem knows them.
    """
    runs = list(_holes(source))
    largest = sorted(tensors, key=lambda each: each.begin - each.end)[:samples]
    nans: dict[int, Run] = {}
    for tensor in largest:
        at = tensor.begin + (tensor.end - tensor.begin) // 2
        at -= (at - tensor.begin) % _SAMPLE
        if any(begin <= at < end for begin, end in runs):
            continue
        block = bytearray(source.read(at, min(_SAMPLE, tensor.end - at)))
        if block.count(0) == len(block):
            runs.append(_extended(source, (at, at + len(block)), (tensor.begin, tensor.end), _REACH))
        else:
            count, first = not_numbers(block, len(block), tensor.dtype, at - tensor.begin)
            if count:
                nans[tensors.index(tensor)] = count, at + first
    return damage(source, tensors, runs, nans)


def _holes(source: Source) -> Iterator[Run]:
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
        if at - begin >= SHORTEST_RUN:
            yield begin, at


def damage(source: Source, tensors: list[Tensor], runs: list[Run], nans: dict[int, Run]) -> list[BadRange]:
    """Runs of zeros cut at the borders of tensors, to the byte, and the NaN, as findings' evidence."""
    found: list[BadRange] = []
    for tensor, begin, end in _by_tensor(tensors, _merged(runs)):
        size = tensor.end - tensor.begin
        begin, end = _extended(source, (begin, end), (tensor.begin, tensor.end), SHORTEST_RUN)
        whole = end - begin == size and len(tensor.shape) > 1
        if end - begin >= SHORTEST_RUN or whole:
            found.append(_range("zeros", tensor, begin, end - begin, 1))
    found.sort(key=lambda each: -each.length)
    numbers = [_range("nan", tensors[at], first, 0, count) for at, (count, first) in sorted(nans.items())]
    return found[:_MOST_BAD] + numbers[:_MOST_BAD]


def _range(kind: str, tensor: Tensor, at: int, length: int, count: int) -> BadRange:
    size = tensor.end - tensor.begin
    return BadRange(kind, clean(tensor.name), tensor.dtype, list(tensor.shape), size, at - tensor.begin, length, count)


def _merged(runs: list[Run]) -> list[Run]:
    merged: list[Run] = []
    for begin, end in sorted(runs):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def _by_tensor(tensors: list[Tensor], runs: list[Run]) -> Iterator[tuple[Tensor, int, int]]:
    begins = [tensor.begin for tensor in tensors]
    for begin, end in runs:
        at = max(0, bisect_right(begins, begin) - 1)
        while at < len(tensors) and tensors[at].begin < end:
            tensor = tensors[at]
            if tensor.end > begin:
                yield tensor, max(begin, tensor.begin), min(end, tensor.end)
            at += 1


def _extended(source: Source, run: Run, bounds: Run, most: int) -> Run:
    """The run of zeros made as long as it is, to the byte, within bounds and no further than ``most``."""
    begin, end = run
    low, high = max(bounds[0], begin - most), min(bounds[1], end + most)
    while begin > low:
        before = source.read(max(low, begin - _CHUNK), begin - max(low, begin - _CHUNK))
        zeros = len(before) - len(before.rstrip(b"\0"))
        begin -= zeros
        if zeros < len(before) or not before:
            break
    while end < high:
        behind = source.read(end, min(_CHUNK, high - end))
        zeros = len(behind) - len(behind.lstrip(b"\0"))
        end += zeros
        if zeros < len(behind) or not behind:
            break
    return begin, end
