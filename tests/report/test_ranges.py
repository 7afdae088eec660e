"""Host names in few characters: what is printed can be pasted behind ``-l``."""

from __future__ import annotations

import random

import pytest

from autoglm_fix.authored.problems import BadInput, Position
from autoglm_fix.inventory.pattern import select
from autoglm_fix.report.ranges import ranges, shown

SHAPES = [
    "gpu{:03}",
    "gpu{}",
    "gpu{:02}",
    "gpu{}.lan",
    "node-{}a",
    "10.0.0.{}",
    "rack{rack}-gpu{slot}",
    "rack{rack}-gpu{slot:02}.dc1.lan",
    "{}",
    "gpu{}-2",
]


def hosts_of(chance: random.Random) -> list[str]:
    """A fleet of one to three shapes of names."""
    names = [
        shape.format(number, rack=number // 8, slot=number % 8)
        for shape in chance.sample(SHAPES, chance.randint(1, 3))
        for number in range(chance.choice([0, 1, 7]), chance.choice([12, 40, 120]))
    ]
    return list(dict.fromkeys(names))


def selected(hosts: list[str], groups: dict[str, list[str]], limit: str) -> list[str]:
    return select(hosts, groups, [("all", Position("p.yml"))], limit)[0]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_printed_selects_those_hosts_and_no_others(seed: int) -> None:
    chance = random.Random(seed)
    hosts = hosts_of(chance)
    # Groups that are named as hosts begin: a slice of them would be other hosts.
    groups = {name: chance.sample(hosts, len(hosts) // 2) for name in ("gpu", "gpus", "rack1-gpu", "node-")}
    names = {*groups, *hosts}
    for _ in range(8):
        begin = chance.randrange(len(hosts))
        some = hosts[begin : begin + chance.randint(1, 60)]
        some = [name for name in some if chance.random() < 0.8] or some
        assert set(selected(hosts, groups, shown(some, groups=names))) == set(some)


def test_800_hosts_are_read_at_a_glance() -> None:
    hosts = [f"gpu{number:03}" for number in range(1, 801)]
    assert ranges(hosts) == ["gpu[001:800]"]
    assert ranges([*hosts[:16], *hosts[17:64]]) == ["gpu[001:016,018:064]"]


def test_a_group_of_the_same_name_is_not_sliced() -> None:
    assert ranges(["gpu1", "gpu2", "gpu3"], {"gpu"}) == ["gpu[1:3:1]"]
    assert ranges(["gpu1", "gpu3"], {"gpu"}) == ["gpu[1,3]"]
    assert ranges(["gpu1", "gpu2"], {"gpus"}) == ["gpu[1:2]"]


def test_a_cut_list_selects_nothing_and_says_why() -> None:
    hosts = [f"gpu{number:03}" for number in range(1, 801)]
    cut = shown(hosts[::2], 72)
    assert cut.endswith(",...]")
    with pytest.raises(BadInput) as caught:
        selected(hosts, {}, cut)
    assert "'@failed:RUN' names all hosts" in str(caught.value.problems[0])
