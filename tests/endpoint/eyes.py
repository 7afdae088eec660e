"""Reads the pictures that a vision model is shown."""

from __future__ import annotations

import base64
import zlib

from autoglm_fix.agent.proof import picture

_ROW = 1 + 3 * picture.SIDE


def read(url: str) -> str:
    """The number and the colour in the picture of a ``data:`` URL."""
    pixels = _pixels(base64.b64decode(url.partition("base64,")[2]))
    ruler = {str(digit): _pixels(picture.draw(str(digit) * 4, "red", "circle")) for digit in range(10)}
    number = "".join(next(d for d, of in ruler.items() if _place(of, at) == _place(pixels, at)) for at in range(4))
    middle = (picture.SIDE * 2 // 3) * _ROW + 1 + 3 * (picture.SIDE // 2)
    shown = tuple(pixels[middle : middle + 3])
    return f"{number}, {next(name for name, rgb in picture.COLOURS.items() if rgb == shown)}"


def _pixels(png: bytes) -> bytes:
    start = png.index(b"IDAT")
    return zlib.decompress(png[start + 4 : start + 4 + int.from_bytes(png[start - 4 : start], "big")])


def _place(pixels: bytes, at: int) -> list[bytes]:
    """The part of each row that one of four digits is in."""
    left, width = 24 + 72 * at, 72
    rows = [pixels[row * _ROW + 1 : (row + 1) * _ROW] for row in range(picture.SIDE // 2)]
    return [row[3 * left : 3 * (left + width)] for row in rows]
