"""Which files are read, as what, and which of them outrank others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Variables
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory.ranges import expand

from .real import Ansible, Asked, ours
from .test_load import by_name, said, write


@pytest.mark.parametrize(
    ("name", "text", "hosts"),
    [
        ("hosts", "gpu: {hosts: {a: }}", ["a"]),
        ("hosts", "[gpu]\na\n", ["a"]),
        ("hosts", "a\nb\n", ["a", "b"]),
        ("hosts.yml", "[gpu]\na\n", ["a"]),
        ("hosts.ini", "[gpu]\na\n", ["a"]),
        ("hosts.prod", "[gpu]\na\n", ["a"]),
        ("hosts.json", '{"gpu": {"hosts": {"a": {"path": "\\/mnt", "face": "\\ud83d\\ude00"}}}}', ["a"]),
        ("hosts.yml", "gpu: {hosts: a, children: b}", ["a"]),
        ("hosts.yml", "gpu: {hosts: {'[fe80::1]:2222': , 'n[1:2]:22': }}", ["fe80::1", "n1", "n2"]),
    ],
)
def test_a_files_kind_is_found_as_ansible_finds_it(
    tmp_path: Path, ansible: Ansible, name: str, text: str, hosts: list[str]
) -> None:
    write(tmp_path, **{name: text})
    asked = Asked([str(tmp_path / name)])
    assert list(load_inventory(asked.sources).hosts) == hosts
    assert ours(asked) == ansible.says(asked)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("hosts.yml", "gpu:\n  hosts: [a\n", "hosts.yml:2:10: this '[' has no ']'"),
        ("hosts", "---\ngpu:\n  hosts: {a: b: }\n", "hosts:3:10: this '{' has no '}'"),
        ("hosts.json", '{"gpu": {"hosts": {"a": }', "hosts.json:1:9: this '{' has no '}'"),
        ("hosts.prod", "gpu:\n  hosts: {a: }\n", "hosts.prod:1:1: 'gpu:' is no name of a host. This looks like YAML"),
        ("hosts.toml", "[gpu.hosts]\n", "hosts.toml: inventories in TOML are not read"),
        ("hosts.ini", "#!/usr/bin/python3\nprint()\n", "hosts.ini:1:1: this inventory is a program"),
        ("hosts", "Lorem ipsum dolor\nsit amet\n", "hosts:1:7: 'ipsum' is no variable: key=value is expected"),
    ],
)
def test_a_file_of_no_kind_is_named_as_what_it_looks_like(tmp_path: Path, name: str, text: str, message: str) -> None:
    write(tmp_path, **{name: text})
    assert said(tmp_path, str(tmp_path / name))[0].startswith(message)


def test_in_a_folder_what_ansible_ignores_is_ignored(tmp_path: Path, ansible: Ansible) -> None:
    broken = "{{["
    write(
        tmp_path,
        **{
            "i__02-more__hosts": "[gpu]\nc\n",
            "i__02-more__group_vars__gpu": "v: of a folder inside, which nobody reads",
            "i__01-hosts": "[gpu]\na\n",
            "i__03.yml": "gpu: {hosts: {b: {w: 3}}}",
            "i__04-empty": "# nothing yet\n",
            "i__group_vars__gpu": "v: 1",
            "i__host_vars__b.yml": "w: 4",
        },
        **{f"i__{name}": broken for name in ("x.cfg", "x.txt", "x.md", "x.rst", "x.orig", "x.bak", "x.retry", "x~")},
        **{"i__.hidden": broken, "i__x.pyc": broken, "i__vars_plugins__x.py": broken},
    )
    asked = Asked([str(tmp_path / "i")])
    assert by_name(load_inventory(asked.sources)) == {"a": {"v": 1}, "b": {"v": 1, "w": 4}, "c": {"v": 1}}
    assert ours(asked) == ansible.says(asked)


def test_a_folder_that_contains_itself_is_named(tmp_path: Path) -> None:
    write(tmp_path, i__hosts="a\n", i__group_vars__all__x="v: 1")
    (tmp_path / "i/again").symlink_to(tmp_path / "i")
    (tmp_path / "i/group_vars/all/again").symlink_to(tmp_path / "i/group_vars/all")
    messages = said(tmp_path, str(tmp_path / "i"))
    assert [message.partition(": ")[2] for message in messages] == [
        "folders are nested more than 20 deep here",
        "folders are nested more than 20 deep here",
    ]


def test_of_files_with_one_name_the_first_that_ansible_looks_for_counts(tmp_path: Path, ansible: Ansible) -> None:
    write(
        tmp_path,
        **{
            "i": "[a]\nx\n[b]\nx\n[c]\nx\n[a.b]\nx\n",
            "group_vars__a__one.yml": "of: folder",
            "group_vars__a__deep__two.json": '{"deep": true}',
            "group_vars__a__old.bak": "of: backup",
            "group_vars__a__.hidden": "of: hidden",
            "group_vars__a__note~": "of: backup",
            "group_vars__a__not.d__x": "of: a folder with an ending",
            "group_vars__a.yml": "of: file",
            "group_vars__b.yaml": "b: yaml",
            "group_vars__b.yml": "b: yml",
            "group_vars__b.json": '{"b": "json"}',
            "group_vars__c.txt": "c: txt",
            "group_vars__a.b": "dotted: 1",
        },
    )
    asked = Asked([str(tmp_path / "i")])
    assert by_name(load_inventory(asked.sources))["x"] == {"of": "folder", "deep": True, "b": "yml", "dotted": 1}
    assert ours(asked) == ansible.says(asked)


def test_a_later_source_outranks_a_deeper_group_and_the_playbook_both(tmp_path: Path, ansible: Ansible) -> None:
    write(
        tmp_path,
        **{
            "one__hosts": "[deep]\nx u=host\n[top:children]\ndeep\n",
            "one__group_vars__deep": "{s: one-deep, t: one-deep, u: one-deep}",
            "one__group_vars__all": "{p: one-all}",
            "one__host_vars__x": "{v: one-x, w: one-x}",
            "two__hosts": "[top]\ny\n",
            "two__group_vars__top": "{s: two-top, t: two-top}",
            "two__group_vars__all": "{p: two-all}",
            "two__host_vars__x": "{w: two-x}",
            "play__site.yml": "",
            "play__group_vars__top": "{t: play-top}",
            "play__group_vars__all": "{p: play-all, t: play-all}",
            "play__host_vars__x": "{q: play-x}",
        },
    )
    asked = Asked([str(tmp_path / "one/hosts"), str(tmp_path / "two")], ["x"], playbook=str(tmp_path / "play"))
    inventory = load_inventory(asked.sources, playbook_folder=tmp_path / "play")
    assert by_name(inventory)["x"] == {
        "p": "play-all",
        "s": "two-top",
        "t": "play-top",
        "u": "host",
        "v": "one-x",
        "w": "two-x",
        "q": "play-x",
    }
    assert ours(asked) == ansible.says(asked)


def test_priority_is_the_inventorys_to_say_and_no_files(tmp_path: Path, ansible: Ansible) -> None:
    write(
        tmp_path,
        i="[a]\nx\n[b]\nx\n[a:vars]\nv=a\nansible_group_priority=2\n[b:vars]\nv=b\n",
        group_vars__b="ansible_group_priority: 9",
    )
    asked = Asked([str(tmp_path / "i")])
    assert by_name(load_inventory(asked.sources))["x"]["v"] == "a"
    assert ours(asked) == ansible.says(asked)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, i__hosts="[a]\nx\n", i__group_vars__a__one="v: 1")
    for name in ("i/pipe", "i/group_vars/a/pipe"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "i/host_vars").mkdir()
    (tmp_path / "i/host_vars/x").symlink_to("nowhere")
    assert by_name(load_inventory([str(tmp_path / "i")])) == {"x": {"v": 1}}


def test_this_machine_is_said_of_by_files_even_where_no_inventory_names_it(tmp_path: Path, ansible: Ansible) -> None:
    write(
        tmp_path,
        i="[a]\nx\n[a:vars]\nw=a\n[all:vars]\nansible_connection=ssh\n",
        group_vars__all="v: all",
        host_vars__localhost="u: this",
    )
    inventory = load_inventory([str(tmp_path / "i")])
    (host,) = inventory.select("localhost")
    variables = Variables([host.variables])
    assert {name: variables.value(name) for name in variables} == {
        "ansible_connection": "local",
        "v": "all",
        "u": "this",
    }
    assert inventory.names == {"ansible_connection", "v", "u", "w"}
    real = ansible.says(Asked([str(tmp_path / "i")], ["localhost"]))
    assert real is not None and '"u": "this"' in real["hosts"]["localhost"]


def test_a_template_may_name_the_place_of_its_inventory(tmp_path: Path) -> None:
    write(tmp_path, i__hosts="a key={{inventory_dir}}/key\n")
    inventory = load_inventory([os.path.relpath(tmp_path / "i"), "b,"])
    a, b = inventory.hosts.values()
    variables = Variables([a.variables], over=[inventory.special_variables(a)])
    assert variables.value("key") == f"{tmp_path}/i/key"
    assert inventory.special_variables(b)["inventory_dir"] is None


def test_variables_may_hold_what_only_other_tools_understand(tmp_path: Path, ansible: Ansible) -> None:
    text = "all: {hosts: {a: {vlans: {10: {up: yes}, true: x, null: y}, raw: !unsafe '{{ no template }}'}}}"
    write(tmp_path, **{"i.yml": text})
    (host,) = load_inventory([str(tmp_path / "i.yml")]).select("a")
    variables = Variables([host.variables])
    assert variables.value("vlans") == {"10": {"up": True}, "true": "x", "null": "y"}
    assert variables.value("raw") == "{{ no template }}"
    real, own = (of(Asked([str(tmp_path / "i.yml")])) for of in (ansible.says, ours))
    assert real is not None and own is not None and own["list"] == real["list"]


def test_many_hosts_share_what_is_said_of_their_groups(tmp_path: Path) -> None:
    lines = "".join(f"gpu[0001:5000].r{rack} rack={rack}\n" for rack in range(4))
    write(tmp_path, hosts=f"[gpu]\n{lines}", group_vars__gpu="\n".join(f"v{number}: x" for number in range(500)))
    inventory = load_inventory([str(tmp_path / "hosts")])
    assert len(inventory.hosts) == 20_000
    shared = {id(host.variables.layers[0]) for host in inventory.hosts.values()}
    assert len(shared) == 1
    assert len(inventory.select("gpu:!gpu1*.r1")) == 19_000


def test_no_list_of_names_is_made_that_no_memory_holds() -> None:
    assert len(expand("gpu[1:1000000000:50000]")) == 20_000
    with pytest.raises(BadInput, match="stands for more than 100000 names"):
        load_inventory(["gpu[1:1000000000],"])
