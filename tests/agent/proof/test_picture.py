from __future__ import annotations

import io

import pytest

from autoglm_fix.agent.proof import picture

Image = pytest.importorskip("PIL.Image", reason="this Python has no pillow: install the extra `verify`")


@pytest.mark.parametrize("shape", picture.SHAPES)
@pytest.mark.parametrize("colour", sorted(picture.COLOURS))
def test_the_shape_has_its_colour(colour: str, shape: str) -> None:
    image = Image.open(io.BytesIO(picture.draw("4917", colour, shape)))
    image.load()
    assert image.size == (picture.SIDE, picture.SIDE)
    assert {rgb for _count, rgb in image.getcolors()} == {(255, 255, 255), (0, 0, 0), picture.COLOURS[colour]}
    assert image.getpixel((picture.SIDE // 2, 235)) == picture.COLOURS[colour]


def test_each_digit_looks_like_no_other() -> None:
    drawn = {picture.draw(digit * 4, "red", "circle") for digit in "0123456789"}
    assert len(drawn) == 10


@pytest.mark.parametrize("patches", [14 * 2, 16 * 2 // 2, 28, 14])
def test_its_side_is_a_multiple_of_common_patches(patches: int) -> None:
    assert picture.SIDE % patches == 0
