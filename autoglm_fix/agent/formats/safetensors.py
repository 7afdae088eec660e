"""safetensors: a length, a JSON header, and tensors that tile the rest of the file exactly."""

from __future__ import annotations

import json
from typing import Any

from . import Content, Source, Tensor, Verdict, clean, described, stand_in

# Bits of one value. A dtype that is not here is taken on trust.
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
_LONGEST_HEADER = 100_000_000  # the format's own limit
_FIRST_READ = 1 << 16
_MOST_DIMENSIONS = 32


def read(source: Source) -> Verdict:
    """Judge one file by its header and size."""
    size = source.size
    head = source.read(0, _FIRST_READ)
    other = stand_in(head, size, "safetensors")
    if other is not None:
        return other, []
    if size < 9:
        return Content("safetensors", "truncated"), []
    length = int.from_bytes(head[:8], "little")
    if length > _LONGEST_HEADER or length < 2:
        return _broken(f"its first 8 bytes give no sane header length ({length})")
    if 8 + length > size:
        if head[8:9] == b"{":
            return Content("safetensors", "truncated"), []
        return _broken("its header would be longer than the file")
    raw = head[8 : 8 + length] if 8 + length <= len(head) else head[8:] + source.read(len(head), 8 + length - len(head))
    tensors = _tensors(raw, 8 + length)
    if tensors is None:
        from .headers import fault

        return _broken(clean(fault(raw, 8 + length)))
    end = tensors[-1].end if tensors else 8 + length
    state = "whole" if end == size else "truncated" if end > size else "padded"
    return described(Content("safetensors", state, expected_size=end), tensors), tensors


def _broken(problem: str) -> Verdict:
    return Content("safetensors", "broken", problem), []


def _tensors(raw: bytes, base: int) -> list[Tensor] | None:
    """The tensors in the order of their bytes, which leave no hole and do not overlap; None where that is not so."""
    try:
        header = json.loads(raw.decode("utf-8"))
        header.pop("__metadata__", None)
        tensors = [tensor(name, entry, base) for name, entry in header.items()]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    tensors.sort(key=lambda each: (each.begin, each.end))
    ends = [base, *(each.end for each in tensors)]
    return tensors if all(each.begin == end for each, end in zip(tensors, ends)) else None


def tensor(name: str, entry: dict[str, Any], base: int) -> Tensor:
    """One tensor as the header has it. It raises one error or another where that is none."""
    dtype, shape, (begin, end) = entry["dtype"], _sizes(entry["shape"]), _sizes(entry["data_offsets"])
    bits = BITS.get(dtype)
    values = 1
    for extent in shape:
        values *= extent
    if begin > end or (bits is not None and values * bits != (end - begin) * 8):
        raise ValueError(f"tensor {name} is {dtype} {shape}, but has {end - begin} bytes")
    return Tensor(name, clean(dtype), tuple(shape), base + begin, base + end)


def _sizes(value: list[int]) -> list[int]:
    sane = isinstance(value, list) and len(value) <= _MOST_DIMENSIONS
    if not sane or any(type(each) is not int or not 0 <= each < 1 << 62 for each in value):
        raise TypeError
    return value
