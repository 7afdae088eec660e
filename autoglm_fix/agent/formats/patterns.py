"""Bytes that cannot be weights: not-a-number patterns and runs of zeros, found without looking at each value."""

from __future__ import annotations

from typing import NamedTuple

ZERO_BLOCK = 1 << 15
SHORTEST_RUN = 2 * ZERO_BLOCK  # a run that long covers a whole block, wherever it starts
_PEEK = 64
_PEEKED = bytes(_PEEK)
_ZEROS = bytes(SHORTEST_RUN)

# dtype -> bytes of a value, exponent bits that are all set in a NaN, mantissa bits of which one is (0: none is needed).
_WORDS = {
    "BF16": (2, 0x7F80, 0x007F),
    "F16": (2, 0x7C00, 0x03FF),
    "F32": (4, 0x7F800000, 0x007FFFFF),
    "F64": (8, 0x7FF0000000000000, 0x000FFFFFFFFFFFFF),
    "F8_E5M2": (1, 0x7C, 0x03),
    "F8_E4M3": (1, 0x7F, 0),
}


class Lane(NamedTuple):
    """One byte of each value: tables that tell whether its exponent bits are all set, and any mantissa bit."""

    all_set: bytes
    any_set: bytes


class Words(NamedTuple):
    """How to find a NaN of one dtype: ``tops`` are the top bytes that one must have."""

    width: int
    tops: tuple[bytes, ...]
    lanes: tuple[Lane, ...]
    any_mantissa: bool


def _words(width: int, exponent: int, mantissa: int) -> Words:
    lanes = []
    for at in range(width):
        e, m = exponent >> 8 * at & 0xFF, mantissa >> 8 * at & 0xFF
        lanes.append(Lane(bytes(b & e == e for b in range(256)), bytes(b & m != 0 for b in range(256))))
    tops = tuple(bytes([b]) for b in range(256) if lanes[-1].all_set[b])
    return Words(width, tops, tuple(lanes), not mantissa)


_NAN: dict[str, Words] = {dtype: _words(*bits) for dtype, bits in _WORDS.items()}


def not_numbers(buffer: bytearray, length: int, dtype: str, phase: int) -> tuple[int, int]:
    """How many NaN the buffer holds, and the byte at which the first one is.

    ``phase`` is how many bytes of the tensor lie before the buffer. For quantised types the 16-bit
    scales of the blocks count, infinite ones too. Taking every n-th byte and searching in those is an
    order of magnitude faster than anything that makes a number of each value.
    """
    words = _NAN.get(dtype)
    if words is not None:
        top = buffer[words.width - 1 : length : words.width]
        if any(each in top for each in words.tops):
            return _count(buffer, length, words)
        return 0, 0
    from .gguf import SCALES

    count, first = 0, length
    size, scales = SCALES.get(dtype, (1, ()))
    for offset in scales:
        start = (offset + 1 - phase) % size
        top = buffer[start:length:size]
        for each in _NAN["F16"].tops:
            found = top.find(each)
            if found >= 0:
                count += top.count(each)
                first = min(first, max(0, start + found * size - 1))
    return count, first


def _count(buffer: bytearray, length: int, words: Words) -> tuple[int, int]:
    length -= length % words.width
    exponents, mantissas = -1, -1 if words.any_mantissa else 0
    for at, lane in enumerate(words.lanes):
        every = buffer[at : length : words.width]
        exponents &= int.from_bytes(every.translate(lane.all_set), "little")
        if not words.any_mantissa:
            mantissas |= int.from_bytes(every.translate(lane.any_set), "little")
    found = exponents & mantissas
    if not found:
        return 0, 0
    first = ((found & -found).bit_length() - 1) // 8
    return bin(found).count("1"), first * words.width


def zero_blocks(buffer: bytearray, length: int) -> list[tuple[int, int]]:
    """The runs of whole all-zero blocks in the buffer; a shorter buffer is one block."""
    if length < SHORTEST_RUN:
        return [(0, length)] if buffer[:length] == _ZEROS[:length] else []
    runs: list[tuple[int, int]] = []
    for at in range(0, length - ZERO_BLOCK + 1, ZERO_BLOCK):
        if buffer[at : at + _PEEK] == _PEEKED and buffer[at : at + ZERO_BLOCK] == _ZEROS[:ZERO_BLOCK]:
            if runs and runs[-1][1] == at:
                runs[-1] = runs[-1][0], at + ZERO_BLOCK
            else:
                runs.append((at, at + ZERO_BLOCK))
    return runs
