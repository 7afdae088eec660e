"""Zeros and NaN are found as a slow and simple reading of each value finds them."""

from __future__ import annotations

import math
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from autoglm_fix.agent.formats.patterns import SHORTEST_RUN, ZERO_BLOCK, not_numbers, zero_blocks

WIDTHS = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8, "F8_E4M3": 1, "F8_E5M2": 1}


def is_nan(dtype: str, raw: bytes) -> bool:
    """The definition of each dtype, one value at a time."""
    if dtype == "BF16":
        return math.isnan(struct.unpack("<f", b"\0\0" + raw)[0])
    if dtype == "F8_E5M2":
        return math.isnan(struct.unpack("<e", b"\0" + raw)[0])
    if dtype == "F8_E4M3":
        return raw[0] & 0x7F == 0x7F
    return math.isnan(struct.unpack({"F16": "<e", "F32": "<f", "F64": "<d"}[dtype], raw)[0])


@settings(deadline=None, max_examples=200)
@given(
    dtype=some.sampled_from(sorted(WIDTHS)),
    head=some.lists(some.sampled_from([0x00, 0x01, 0x7C, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0xF0, 0xF8, 0xFC, 0xFF])),
    tail=some.binary(max_size=64),
)
def test_nan_are_counted_as_one_by_one(dtype: str, head: list[int], tail: bytes) -> None:
    width = WIDTHS[dtype]
    raw = bytes(head) + tail
    raw = raw[: len(raw) // width * width]
    values = [raw[at : at + width] for at in range(0, len(raw), width)]
    bad = [at * width for at, value in enumerate(values) if is_nan(dtype, value)]
    assert not_numbers(bytearray(raw), len(raw), dtype, 0) == (len(bad), bad[0] if bad else 0)


def test_only_the_filled_part_of_a_buffer_counts() -> None:
    assert not_numbers(bytearray(b"\x00\x3c\xff\xff"), 2, "BF16", 0) == (0, 0)


def test_whole_numbers_are_never_not_numbers() -> None:
    assert not_numbers(bytearray(b"\xff" * 64), 64, "I32", 0)[0] == 0


@pytest.mark.parametrize("phase", [0, 1, 17, 143, 144, 1000])
def test_scales_of_quantised_blocks_are_found_at_any_phase(phase: int) -> None:
    blocks = bytearray(144 * 20)
    blocks[144 * 9 + 2 : 144 * 9 + 4] = b"\x00\x7e"
    buffer = blocks[phase % 144 :]
    assert not_numbers(buffer, len(buffer), "Q4_K", phase) == (1, 144 * 9 + 2 - phase % 144)


def test_every_run_of_64_kib_covers_a_block_wherever_it_starts() -> None:
    source = random.Random(5)
    for start in [0, 1, ZERO_BLOCK - 1, ZERO_BLOCK + 1, *(source.randrange(200_000) for _ in range(20))]:
        buffer = bytearray(b"\x01" * 300_000)
        buffer[start : start + SHORTEST_RUN] = bytes(SHORTEST_RUN)
        ((begin, end),) = zero_blocks(buffer, len(buffer))
        assert start <= begin < end <= start + SHORTEST_RUN


def test_zeros_that_a_block_only_begins_with_are_no_run() -> None:
    buffer = bytearray(b"\x01" * 200_000)
    buffer[ZERO_BLOCK : ZERO_BLOCK + 20_000] = bytes(20_000)
    assert zero_blocks(buffer, len(buffer)) == []


def test_a_short_buffer_is_a_run_where_all_of_it_is_zero() -> None:
    assert zero_blocks(bytearray(1000), 1000) == [(0, 1000)]
    assert zero_blocks(bytearray(999) + b"\x01", 1000) == []
