from __future__ import annotations

import pytest

from autoglm_fix.inventory.ranges import BadRange, expand, is_range


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("gpu01", ["gpu01"]),
        ("gpu[1:3]", ["gpu1", "gpu2", "gpu3"]),
        ("gpu[08:10]", ["gpu08", "gpu09", "gpu10"]),
        ("gpu[:2]", ["gpu0", "gpu1", "gpu2"]),
        ("gpu[0:8:4].lab", ["gpu0.lab", "gpu4.lab", "gpu8.lab"]),
        ("rack[a:c]", ["racka", "rackb", "rackc"]),
        ("r[A:B]-[1:2]", ["rA-1", "rA-2", "rB-1", "rB-2"]),
        ("gpu[ab]", ["gpu[ab]"]),
    ],
)
def test_ranges_are_ansibles(name: str, names: list[str]) -> None:
    assert expand(name) == names
    assert is_range(name) == (len(names) > 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu[3:1]", "from 3 to 1 goes backwards"),
        ("gpu[01:100]", "'01' and '100' differ in length"),
        ("gpu[1:3:0]", "the step '0' is not a whole number above 0"),
        ("gpu[a:3]", "from 'a' to '3' is no range"),
        ("gpu[a:B]", "from 'a' to 'B' is no range"),
        ("gpu[c:a]", "from 'c' to 'a' is no range"),
        ("gpu[1:]", "from '1' to '' is no range"),
        ("gpu[1:9999999999]", "this stands for more than 100000 names"),
        ("g[1:999]-[1:999]", "this stands for more than 100000 names"),
    ],
)
def test_a_range_that_says_nothing_is_refused(name: str, message: str) -> None:
    with pytest.raises(BadRange) as caught:
        expand(name)
    assert str(caught.value) == message
