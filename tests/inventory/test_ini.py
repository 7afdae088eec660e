from __future__ import annotations

import shlex
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_fix.authored.problems import BadInput, Position
from autoglm_fix.authored.variables import Variables, as_written
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.inventory import Inventory, load_inventory
from autoglm_fix.inventory.ini_text import BadLine, value, words


def load(folder: Path, text: str, name: str = "hosts") -> Inventory:
    (folder / name).write_text(text)
    return load_inventory([str(folder / name)])


def said(folder: Path, text: str, name: str = "hosts") -> list[str]:
    with pytest.raises(BadInput) as caught:
        load(folder, text, name)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_sections_are_hosts_variables_and_groups(tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        """\
# a comment
; another
jump ansible_host=10.0.0.1 ansible_port=2222   # the way in

[gpu]  # four of them
gpu[01:04]:2200 rack=1
gpu02 rack=2

[cpu]
cpu1 title='one "and" only' empty=
[cluster:children]
gpu
late # named before its section
[cluster:vars]
path = /mnt/{{ rack }} # kept
on=True
[late]
""",
    )
    assert {name: group.hosts for name, group in inventory.groups.items()} == {
        "all": ("jump", "cpu1", "gpu01", "gpu02", "gpu03", "gpu04"),
        "ungrouped": ("jump",),
        "gpu": ("gpu01", "gpu02", "gpu03", "gpu04"),
        "cpu": ("cpu1",),
        "cluster": ("gpu01", "gpu02", "gpu03", "gpu04"),
        "late": (),
    }
    assert inventory.groups["cluster"].children == ("gpu", "late")
    assert written(inventory, "jump") == {"ansible_host": "10.0.0.1", "ansible_port": 2222}
    assert written(inventory, "cpu1") == {"title": 'one "and" only', "empty": ""}
    assert written(inventory, "gpu02") == {
        "ansible_port": 2200,
        "rack": 2,
        "path": "/mnt/{{ rack }} # kept",
        "on": True,
    }
    assert Variables([inventory.hosts["gpu02"].variables]).value("path") == "/mnt/2 # kept"


def written(inventory: Inventory, host: str) -> dict[str, Value]:
    return {name: as_written(each) for name, each in inventory.hosts[host].variables.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("-5", -5),
        ("1_000", 1000),
        ("0x1f", 31),
        ("007", "007"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("10.0.0.1", "10.0.0.1"),
        ("True", True),
        ("true", "true"),
        ("None", None),
        ("yes", "yes"),
        ("'5'", "5"),
        ('"a"', "a"),
        ("[1, 'a', (2, {3})]", [1, "a", [2, [3]]]),
        ("{'a': {1: None}, True: b'x'}", {"a": {"1": None}, "true": "x"}),
        ("[1, a]", "[1, a]"),
        ("{{ x }}", "{{ x }}"),
        ("2j", "2j"),
        ("...", "..."),
        ("", ""),
        ("9" * 5000, "9" * 5000),
        ("(" * 5000, "(" * 5000),
        ("{[]: 1}", "{[]: 1}"),
    ],
)
def test_a_value_is_a_python_literal_or_text(text: str, expected: Value) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert as_written(value(text, Position("hosts", 1, 1))) == expected


@given(st.text(st.sampled_from("ab=' \"\\#\t$é"), max_size=12))
def test_words_are_a_shells(line: str) -> None:
    try:
        expected = shlex.split(line, comments=True)
    except ValueError:
        with pytest.raises(BadLine):
            words(line)
        return
    found = words(line)
    assert [word.text for word in found] == expected
    assert [word.column for word in found] == sorted({word.column for word in found})


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "[gpu]\ngpu01 gpu02\n",
            [
                "hosts:2:7: 'gpu02' is no variable: key=value is expected. A host stands on a line of its own, "
                "with its variables behind it: 'gpu01 ansible_host=10.0.0.1'."
            ],
        ),
        (
            "[gpu]\ngpu01 ansible_password=two words\n[gpu:vars]\nthe_token abc\n",
            [
                "hosts:2:28: this is no variable: key=value is expected. A host stands on a line of its own, "
                "with its variables behind it: 'gpu01 ansible_host=10.0.0.1'.",
                "hosts:4:1: this is no variable: key=value is expected",
            ],
        ),
        ("[gpu]\n  gpu01 a='b\n", ["hosts:2:11: this quote is never closed"]),
        ("[gpu]\ngpu01 a=b\\\n", ["hosts:2:10: nothing follows this backslash"]),
        (
            "[gpu]\ngpu[3:1]\n-oProxyCommand=x\ngpu[1:1000000000]\n",
            [
                "hosts:2:1: 'gpu[3:1]': from 3 to 1 goes backwards",
                "hosts:3:1: '-oProxyCommand=x' is no name of a host: it begins with '-', as options do",
                "hosts:4:1: 'gpu[1:1000000000]': this stands for more than 100000 names",
            ],
        ),
        (
            "[gpu ]\n",
            [
                "hosts:1:1: '[gpu ]' is no section. A section is [group], [group:vars] or [group:children], "
                "without spaces."
            ],
        ),
        ("[gpu:var]\n", ["hosts:1:1: a section of the kind 'var' is not known. Did you mean 'vars'?"]),
        ("[gpu]\n[gpu:vars]\nrack 1\n", ["hosts:3:1: 'rack 1' is no variable: key=value is expected"]),
        (
            "[gpu]\n[all:children]\ngpu cpu\n",
            ["hosts:3:1: 'gpu cpu' is no name of a group. Each group stands on a line of its own."],
        ),
        (
            "[gpu]\na\n[gup:vars]\nx=1\n",
            ["hosts:3:1: there is no group 'gup' for these variables. Did you mean 'gpu'?"],
        ),
        (
            "[x:children]\ngup\nzebra\n[gpu]\n",
            [
                "hosts:2:1: there is no group 'gup'. Did you mean 'gpu'?",
                "hosts:3:1: there is no group 'zebra'. Write a section [zebra] for it, if an empty one.",
            ],
        ),
        (
            "[gpu]\n[gpu:children]\nall\ngpu\n",
            ["hosts:3:1: 'all' contains every group and is in none", "hosts:4:1: the group 'gpu' contains itself"],
        ),
        ("[a]\n[b]\n[a:children]\nb\n[b:children]\na\n", ["hosts:6:1: the group 'a' contains itself"]),
        ("[gpu]\n[gpu:vars]\nansible_group_priority=x\n", ["hosts:3:24: 'ansible_group_priority' is a whole number"]),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert said(tmp_path, text) == messages


def test_a_text_that_never_was_an_inventory_is_not_named_line_by_line(tmp_path: Path) -> None:
    assert len(said(tmp_path, "no inventory at all\n" * 1000)) == 21


def test_groups_that_lie_too_deep_in_each_other_are_refused(tmp_path: Path) -> None:
    deep = "".join(f"[g{number}:children]\ng{number + 1}\n" for number in range(2000)) + "[g2000]\nh\n"
    (message,) = said(tmp_path, deep)
    assert message.startswith("hosts:4000:1: groups lie in each other more than 100 deep here")


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("db.example.com:2222", {"db.example.com": 2222}),
        ("[fe80::1]:2222", {"fe80::1": 2222}),
        ("fe80::1", {"fe80::1": None}),
        ("n[a:c]:22", {"na": 22, "nb": 22, "nc": 22}),
        ("n[1:2]-[8:10:2]:22", {"n1-8": 22, "n1-10": 22, "n2-8": 22, "n2-10": 22}),
    ],
)
def test_a_host_may_have_a_port(tmp_path: Path, name: str, hosts: dict[str, int | None]) -> None:
    inventory = load(tmp_path, f"[g]\n{name}\n")
    assert {host: written(inventory, host).get("ansible_port") for host in inventory.hosts} == hosts
