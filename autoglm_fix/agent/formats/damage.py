"""What zeros and NaN mean for which tensor."""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterator, Tuple

from . import BadRange, Source, Tensor, clean
from .patterns import SHORTEST_RUN, not_numbers

_MOST_BAD = 50
_CHUNK = 1 << 18

Run = Tuple[int, int]


def judged(
    source: Source, tensors: list[Tensor], holes: list[Run], blocks: list[tuple[Tensor, int, bytearray]], reach: int
) -> list[BadRange]:
    """What holes, and blocks that could be bad (their tensor, where they begin, their bytes), say of the file.

    A block of zeros is followed to both sides, by ``reach`` bytes at most.
    """
    runs, nans = list(holes), {}
    for tensor, at, block in blocks:
        if any(begin <= at < end for begin, end in runs):
            continue
        if block.count(0) == len(block):
            runs.append(_extended(source, (at, at + len(block)), (tensor.begin, tensor.end), reach))
            continue
        count, first = not_numbers(block, len(block), tensor.dtype, at - tensor.begin)
        if count:
            nans[tensors.index(tensor)] = count, at + first
    return damage(source, tensors, runs, nans)


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
