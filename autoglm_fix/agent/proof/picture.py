"""A picture with a number and a coloured shape, to be read by a vision model."""

from __future__ import annotations

import struct
import zlib

COLOURS = {"red": (214, 40, 40), "green": (30, 150, 60), "blue": (30, 80, 210), "orange": (245, 140, 20)}
SHAPES = ("circle", "square", "triangle")
SIDE = 336  # a multiple of the patches of the common vision towers: nothing is resized

# Five columns by seven rows, a row a number, its bits from left to right.
_DIGITS = (
    (14, 17, 19, 21, 25, 17, 14),
    (4, 12, 4, 4, 4, 4, 14),
    (14, 17, 1, 2, 4, 8, 31),
    (31, 2, 4, 2, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2),
    (31, 16, 30, 1, 1, 17, 14),
    (6, 8, 16, 30, 17, 17, 14),
    (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14),
    (14, 17, 17, 15, 1, 2, 12),
)
_SCALE = 12
_TOP, _SHAPE_TOP, _SHAPE_SIDE = 30, 170, 130


def draw(number: str, colour: str, shape: str) -> bytes:
    """A PNG of 336 by 336: four black digits above the shape, on white."""
    rows = [bytearray(b"\xff" * (3 * SIDE)) for _ in range(SIDE)]
    left = (SIDE - len(number) * 6 * _SCALE + _SCALE) // 2
    for place, digit in enumerate(number):
        for y, bits in enumerate(_DIGITS[int(digit)]):
            for x in range(5):
                if bits >> (4 - x) & 1:
                    _fill(rows, left + (place * 6 + x) * _SCALE, _TOP + y * _SCALE, _SCALE, (0, 0, 0))
    begin = (SIDE - _SHAPE_SIDE) // 2
    for y in range(_SHAPE_SIDE):
        for x in range(_SHAPE_SIDE):
            if _inside(shape, x, y):
                at = 3 * (begin + x)
                rows[_SHAPE_TOP + y][at : at + 3] = bytes(COLOURS[colour])
    return _png(rows)


def _inside(shape: str, x: int, y: int) -> bool:
    half = _SHAPE_SIDE / 2
    if shape == "circle":
        return (x - half) ** 2 + (y - half) ** 2 <= half**2
    return shape == "square" or abs(x - half) <= y / 2


def _fill(rows: list[bytearray], left: int, top: int, side: int, colour: tuple[int, int, int]) -> None:
    for row in rows[top : top + side]:
        row[3 * left : 3 * (left + side)] = bytes(colour) * side


def _png(rows: list[bytearray]) -> bytes:
    header = struct.pack(">IIBBBBB", SIDE, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
