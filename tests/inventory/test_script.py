from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Variables, as_written
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.inventory import Inventory, load_inventory
from autoglm_fix.inventory.draft import Draft
from autoglm_fix.inventory.script import read_script

from .real import Ansible, Asked, ours

LISTED = {
    "_meta": {
        "hostvars": {
            "gpu01": {"ansible_host": "10.0.0.1", "path": "/mnt/{{ rack }}", "rack": 3},
            "gpu02": {"said": {"__ansible_unsafe": "{{ rack }}"}},
            "nobody": {"rack": 9},
        }
    },
    "gpu": {
        "hosts": ["gpu01", "gpu02"],
        "vars": {"rack": 1, "ansible_group_priority": 2},
        "children": ["a100", "all.b"],
    },
    "a100": ["gpu03"],
    "alone": {"rack": 4},
    "all.b": {"hosts": []},
    "all": {"vars": {"on": True}},
}


def program(folder: Path, *lines: str, name: str = "hosts") -> str:
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def printing(folder: Path, listed: object, *more: str) -> str:
    (folder / "listed.txt").write_text(json.dumps(listed))
    return program(folder, f'if [ "$1" = --list ]; then cat {folder}/listed.txt; exit; fi', *more)


def written(inventory: Inventory) -> dict[str, dict[str, Value]]:
    return {
        name: {key: as_written(each) for key, each in host.variables.items()} for name, host in inventory.hosts.items()
    }


def said(source: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load_inventory([source])
    return [str(problem).removeprefix(f"{source}: ") for problem in caught.value.problems]


def test_a_program_prints_groups_and_variables(tmp_path: Path, ansible: Ansible) -> None:
    source = printing(tmp_path, LISTED)
    inventory = load_inventory([source])
    assert written(inventory) == {
        "gpu01": {"ansible_host": "10.0.0.1", "path": "/mnt/{{ rack }}", "rack": 3, "on": True},
        "gpu02": {"said": "{{ rack }}", "rack": 1, "on": True},
        "gpu03": {"rack": 1, "on": True},
        "alone": {"rack": 4, "on": True},
    }
    variables = Variables([inventory.hosts["gpu02"].variables])
    assert variables.value("said") == "{{ rack }}"
    assert Variables([inventory.hosts["gpu01"].variables]).value("path") == "/mnt/3"
    asked = Asked([source], ["gpu01", "gpu02", "alone"])
    assert ours(asked) == ansible.says(asked)


def test_without_meta_it_is_asked_for_each_host(tmp_path: Path, ansible: Ansible) -> None:
    source = printing(
        tmp_path,
        {"gpu": {"hosts": ["a", "b", "c"]}},
        'case "$2" in a) echo "{\\"x\\": 1}" ;; b) ;; c) echo "{\\"x\\": [1]}" ;; esac',
    )
    assert written(load_inventory([source])) == {"a": {"x": 1}, "b": {}, "c": {"x": [1]}}
    asked = Asked([source])
    assert ours(asked) == ansible.says(asked)


def test_a_file_that_may_be_executed_but_is_no_program_is_read(tmp_path: Path) -> None:
    for name, text in (("hosts.yml", "gpu: {hosts: {a: }}"), ("hosts", "[gpu]\na\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
        assert list(load_inventory([str(tmp_path / name)]).hosts) == ["a"]


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        (
            ["echo looking >&2", "echo no credentials >&2", "exit 3"],
            ["this program ended with exit code 3 when asked for '--list'. It said: looking / no credentials"],
        ),
        (["kill -9 $$"], ["this program ended with signal 9 when asked for '--list'"]),
        (
            ["echo '{'", "echo 'a\x1b[2J' >&2"],
            [
                "what this program prints for '--list' is not JSON: Expecting property name enclosed in double quotes: "
                "line 2 column 1 (char 2). It said: a\\x1b[2J"
            ],
        ),
        (
            [f'echo \'{{"a": {{"vars": {{"x": {"[" * 500}{"]" * 500}}}}}}}\''],
            ["what this program prints for '--list' is nested more than 60 levels deep"],
        ),
        (["echo '[]'"], ["what this program prints is no mapping of groups"]),
        (
            ["""echo '{"_meta": 1, "a": {"hosts": "x", "vars": 1, "children": [1]}, "b": {"hosts": ["-x", "y z"]}}'"""],
            [
                "'-x' is no name of a host: it begins with '-', as options do",
                "'_meta' holds no mapping 'hostvars'",
                "'children' of the group 'a' is no list of names",
                "'hosts' of the group 'a' is no list of names",
                "'vars' of the group 'a' is no mapping",
                "'y z' is no name of a host: it has a space or one of , ! & / in it",
            ],
        ),
        (
            ["""echo '{"a": {"hosts": ["h"]}, "_meta": {"hostvars": {"h": 1}}}'"""],
            ["the variables of the host 'h' are no mapping"],
        ),
        (["""echo '{"a": {"children": ["a"]}}'"""], ["the group 'a' contains itself"]),
    ],
)
def test_a_program_that_gives_no_answer_is_named_with_its_own_words(
    tmp_path: Path, lines: list[str], messages: list[str]
) -> None:
    assert said(program(tmp_path, *lines)) == messages


def test_a_program_without_its_interpreter_is_named(tmp_path: Path) -> None:
    source = program(tmp_path)
    Path(source).write_text("#!/no/such/python\n")
    assert said(source) == ["this program cannot be started: No such file or directory"]


def test_a_program_never_holds_a_run_up(tmp_path: Path) -> None:
    """It is ended within its time, with what it started, and what it waits for on stdin never comes."""
    for lines in (["sleep 60 & sleep 60"], ["trap '' TERM", "while :; do sleep 1; done"], ["while :; do echo x; done"]):
        draft = Draft([])
        read_script(Path(program(tmp_path, *lines)), draft, patience_s=0.3)
        assert [problem.message for problem in draft.problems] == ["this program gave no answer in time"]
    assert said(program(tmp_path, "cat >/dev/null", "echo enough", "exit 1")) == [
        "this program ended with exit code 1 when asked for '--list'"
    ]


def test_what_a_program_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    source = program(tmp_path, "(sleep 0.9) &", """echo '{"gpu": ["a"], "_meta": {"hostvars": {}}}'""")
    assert list(load_inventory([source]).hosts) == ["a"]
