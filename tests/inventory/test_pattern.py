from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput, Position
from autoglm_fix.inventory import Inventory, load_inventory
from autoglm_fix.inventory.pattern import split

TEXT = """\
all:
  hosts: {bastion: }
  children:
    gpu:
      hosts: {"gpu[01:04]": }
      children: {a100: {hosts: {gpu02: , gpu04: }}}
    cpu: {hosts: {cpu-a: , cpu-b: }}
    empty:
"""
_THERE = "The groups are: gpu, a100, cpu. The hosts are: bastion, gpu01, gpu02, gpu03, gpu04, cpu-a, cpu-b."


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    (tmp_path / "i.yml").write_text(TEXT)
    return load_inventory([str(tmp_path / "i.yml")])


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("all", ["bastion", "gpu01", "gpu02", "gpu03", "gpu04", "cpu-a", "cpu-b"]),
        ("*", ["bastion", "gpu01", "gpu02", "gpu03", "gpu04", "cpu-a", "cpu-b"]),
        ("gpu", ["gpu01", "gpu02", "gpu03", "gpu04"]),
        ("cpu:a100", ["cpu-a", "cpu-b", "gpu02", "gpu04"]),
        ("cpu-b, gpu01", ["cpu-b", "gpu01"]),
        (["cpu-b", "gpu01"], ["cpu-b", "gpu01"]),
        ("gpu:!a100", ["gpu01", "gpu03"]),
        ("!a100:gpu", ["gpu01", "gpu03"]),
        ("gpu:&a100:!gpu04", ["gpu02"]),
        ("!gpu", ["bastion", "cpu-a", "cpu-b"]),
        ("gpu*", ["gpu01", "gpu02", "gpu03", "gpu04"]),
        ("*-?", ["cpu-a", "cpu-b"]),
        ("gpu0[13]", ["gpu01", "gpu03"]),
        ("gpu[0]", ["gpu01"]),
        ("gpu[-1]", ["gpu04"]),
        ("gpu[1:2]", ["gpu02", "gpu03"]),
        ("gpu[2:]", ["gpu03", "gpu04"]),
        ("gpu[02:03]:bastion", ["gpu03", "gpu04", "bastion"]),
        ("gpu0[2:3]", ["gpu02", "gpu03"]),
        ("~gpu0[12]|cpu", ["cpu-a", "cpu-b", "gpu01", "gpu02"]),
        ("ungrouped", ["bastion"]),
        ("localhost", ["localhost"]),
        ("gpu01:nothing*", ["gpu01"]),
    ],
)
def test_patterns_select_what_ansibles_do_in_its_order(
    inventory: Inventory, pattern: str | Sequence[str], names: list[str]
) -> None:
    assert [host.name for host in inventory.select(pattern)] == names


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a:b:&c:!d", ["a", "b", "&c", "!d"]),
        ("a, b,!c", ["a", "b", "!c"]),
        ("fe80::1", ["fe80::1"]),
        ("fe80::1,db[0:1]", ["fe80::1", "db[0:1]"]),
        ("db[0:1]:fe80", ["db[0:1]", "fe80"]),
        ("db[1:]:x", ["db[1:]", "x"]),
        ("~a|b:c", ["~a|b", "c"]),
        (["a:b", "c,d"], ["a", "b", "c", "d"]),
        (" :, ", [":"]),
    ],
)
def test_pieces_stand_between_commas_or_else_colons(text: str | list[str], pieces: list[str]) -> None:
    assert split(text) == pieces


def test_a_list_of_hosts_is_a_pattern_a_line(inventory: Inventory, tmp_path: Path) -> None:
    (tmp_path / "a:list").write_text("gpu01\r\n\n  a100  \n!gpu04\n")
    (tmp_path / "more").write_text("cpu-a\n")
    names = [host.name for host in inventory.select("all", f"@{tmp_path / 'a:list'}")]
    assert names == ["gpu01", "gpu02"]
    names = [host.name for host in inventory.select("all", f"@{tmp_path / 'more'},bastion")]
    assert names == ["bastion", "cpu-a"]
    assert [host.name for host in inventory.select("all", ["cpu-b", "gpu:!a100"])] == ["gpu01", "gpu03", "cpu-b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "LIST: there is no such file"),
        ("", "LIST: this list of hosts is empty"),
        ("gpu01\ngup\n", "--limit: no host or group is named 'gup'. Did you mean 'gpu'?"),
    ],
)
def test_a_list_of_hosts_that_says_nothing_is_a_mistake(
    inventory: Inventory, tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "list"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadInput) as caught:
        inventory.select("all", f"@{file}")
    assert [str(problem) for problem in caught.value.problems] == [message.replace("LIST", str(file))]


def test_many_unknown_names_are_not_each_compared_with_all_that_there_are(inventory: Inventory) -> None:
    with pytest.raises(BadInput) as caught:
        inventory.select(",".join(f"gup{number}" for number in range(50)))
    hints = [problem.hint for problem in caught.value.problems]
    assert len(hints) == 50 and len([hint for hint in hints if hint]) == 5


def test_a_limit_leaves_what_is_in_both(inventory: Inventory) -> None:
    assert [host.name for host in inventory.select("gpu", "a100,cpu")] == ["gpu02", "gpu04"]
    places = [("gpu", Position("p", 1)), ("cpu", Position("p", 2))]
    assert [[host.name for host in hosts] for hosts in inventory.select_each(places, "gpu01")] == [["gpu01"], []]


@pytest.mark.parametrize(
    ("pattern", "limit", "messages"),
    [
        ("gup", None, ["p.yml:2:3: no host or group is named 'gup'. Did you mean 'gpu'?"]),
        ("gpu:gpu05", None, ["p.yml:2:3: no host or group is named 'gpu05'. Did you mean 'gpu04'?"]),
        ("gpu:!gpu_4", None, ["p.yml:2:3: no host or group is named 'gpu_4'. Did you mean 'gpu04'?"]),
        ("zebra", None, [f"p.yml:2:3: no host or group is named 'zebra'. {_THERE}"]),
        ("empty", None, [f"p.yml:2:3: 'empty' selects no host. {_THERE}"]),
        ("x*:y*", None, [f"p.yml:2:3: 'x*:y*' selects no host. {_THERE}"]),
        ("gpu:&cpu", None, [f"p.yml:2:3: 'gpu:&cpu' selects no host. {_THERE}"]),
        ("", None, [f"p.yml:2:3: '' selects no host. {_THERE}"]),
        ("gpu[4]", None, ["p.yml:2:3: there is no 'gpu[4]': 'gpu' has 4 hosts, counted from 0"]),
        ("bastion:!gpu[-5]", None, ["p.yml:2:3: there is no 'gpu[-5]': 'gpu' has 4 hosts, counted from 0"]),
        (
            "cpu:bastion,gpu",
            None,
            [
                "p.yml:2:3: no host or group is named 'cpu:bastion'. "
                "Next to commas a colon is part of a name: write commas alone."
            ],
        ),
        ("gpu:!", None, ["p.yml:2:3: a name is expected behind '&' or '!'"]),
        ("empty[0]", None, [f"p.yml:2:3: 'empty[0]' selects no host. {_THERE}"]),
        ("gpu[5:3]x", None, ["p.yml:2:3: 'gpu[5:3]x': from 5 to 3 goes backwards"]),
        (
            "~gpu(",
            None,
            ["p.yml:2:3: '~gpu(' is no regular expression: missing ), unterminated subpattern at position 3"],
        ),
        ("gpu", "gpu_1", ["--limit: no host or group is named 'gpu_1'. Did you mean 'gpu01'?"]),
        (
            "a100",
            "cpu",
            ["--limit: 'cpu' selects cpu-a, cpu-b, and the playbook runs on gpu02, gpu04: no host is in both"],
        ),
        (
            "gup",
            "cpuu",
            [
                "--limit: no host or group is named 'cpuu'. Did you mean 'cpu'?",
                "p.yml:2:3: no host or group is named 'gup'. Did you mean 'gpu'?",
            ],
        ),
    ],
)
def test_what_selects_nothing_is_a_mistake_that_names_what_there_is(
    inventory: Inventory, pattern: str, limit: str | None, messages: list[str]
) -> None:
    with pytest.raises(BadInput) as caught:
        inventory.select(pattern, limit, at=Position("p.yml", 2, 3))
    assert [str(problem) for problem in caught.value.problems] == messages
