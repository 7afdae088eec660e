from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.inventory import Host, Inventory, load_inventory


def write(folder: Path, **files: str) -> None:
    """Files by their paths, with ``__`` for ``/``."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def values(host: Host) -> dict[str, Value]:
    variables = Variables([host.variables])
    return {name: variables.value(name) for name in variables}


def by_name(inventory: Inventory) -> dict[str, dict[str, Value]]:
    return {name: values(host) for name, host in inventory.hosts.items()}


def test_without_an_inventory_there_is_localhost_over_a_local_connection() -> None:
    inventory = load_inventory()
    (host,) = inventory.select("all")
    assert (host.name, values(host)) == ("localhost", {"ansible_connection": "local"})


@pytest.mark.parametrize(
    ("source", "names"),
    [("gpu01,", ["gpu01"]), ("gpu01, gpu02", ["gpu01", "gpu02"]), ("gpu[1:3],b,", ["gpu1", "gpu2", "gpu3", "b"])],
)
def test_hosts_may_stand_on_the_command_line(source: str, names: list[str]) -> None:
    assert [host.name for host in load_inventory([source]).select("all")] == names


def test_a_long_list_of_hosts_is_no_file_name() -> None:
    names = [f"gpu{number:04}.example.com" for number in range(1000)]
    assert list(load_inventory([",".join(names)]).hosts) == names


def test_localhost_is_this_machine_unless_its_variables_say_otherwise(tmp_path: Path) -> None:
    write(tmp_path, i="all: {hosts: {localhost: , 127.0.0.1: {ansible_host: 10.0.0.9}, b: {ansible_connection: ssh}}}")
    assert by_name(load_inventory([str(tmp_path / "i")])) == {
        "localhost": {"ansible_connection": "local"},
        "127.0.0.1": {"ansible_host": "10.0.0.9"},
        "b": {"ansible_connection": "ssh"},
    }


def test_variables_rank_as_in_ansible(tmp_path: Path) -> None:
    names = "abcdefghi"

    def all_up_to(last: str, where: str) -> str:
        return "\n".join(f"{name}: {where}" for name in names[names.index(last) :]) + "\n"

    def inline(last: str, where: str) -> str:
        return "{" + ", ".join(f"{name}: {where}" for name in names[names.index(last) :]) + "}"

    write(
        tmp_path,
        **{
            "i.yml": f"""\
all:
  vars: {inline("a", "all")}
  children:
    parent:
      vars: {inline("c", "parent")}
      children:
        child:
          vars: {inline("d", "child")}
          hosts: {{gpu01: {inline("h", "host")}}}
""",
            "group_vars__all.yml": all_up_to("b", "beside-all"),
            "group_vars__parent.yaml": all_up_to("e", "beside-parent"),
            "group_vars__child": all_up_to("f", "beside-child"),
            "host_vars__gpu01__one.yml": all_up_to("i", "beside-host"),
            "host_vars__gpu01__.hidden.yml": "a: hidden",
            "host_vars__gpu02.yml": "a: another's",
        },
    )
    # A file beside the inventory outranks what the inventory says of any group; ansible-inventory
    # gives the same for these files.
    assert by_name(load_inventory([str(tmp_path / "i.yml")]))["gpu01"] == {
        "a": "all",
        "b": "beside-all",
        "c": "beside-all",
        "d": "beside-all",
        "e": "beside-parent",
        "f": "beside-child",
        "g": "beside-child",
        "h": "host",
        "i": "beside-host",
    }


def test_of_groups_side_by_side_the_later_name_wins_unless_priority_says_otherwise(tmp_path: Path) -> None:
    text = "x: {hosts: {a: }, vars: {v: x, w: x, ansible_group_priority: %s}}\ny: {hosts: {a: }, vars: {v: y}}\n"
    for priority, wins in ((1, "y"), (2, "x")):
        write(tmp_path, i=text % priority)
        assert by_name(load_inventory([str(tmp_path / "i")]))["a"]["v"] == wins


def test_groups_know_the_hosts_below_them_and_hosts_all_groups_above(tmp_path: Path) -> None:
    text = "top: {children: {left: {hosts: {b: , a: }}, right: {children: {low: {hosts: {a: }}}}}}\n"
    write(tmp_path, i=text + "all: {hosts: {z: }}\n")
    inventory = load_inventory([str(tmp_path / "i")])
    assert inventory.hosts["a"].groups == ("left", "low", "right", "top")
    # As in Ansible a group's own hosts come first, and then those of the groups below it, level by level.
    assert {name: group.hosts for name, group in inventory.groups.items()} == {
        "all": ("z", "b", "a"),
        "top": ("b", "a"),
        "left": ("b", "a"),
        "right": ("a",),
        "low": ("a",),
        "ungrouped": ("z",),
    }
    assert inventory.groups["top"].children == ("left", "right")
    assert inventory.special_variables(inventory.hosts["a"])["group_names"] == ["left", "low", "right", "top"]


def test_several_inventories_are_one_and_later_ones_outrank_earlier_ones(tmp_path: Path) -> None:
    write(
        tmp_path,
        one__i="gpu: {hosts: {a: {v: 1, w: 1}}, vars: {g: 1}}",
        one__group_vars__gpu="beside: one",
        two__i="gpu: {hosts: {a: {w: 2}, b: }, vars: {h: 2}}",
    )
    inventory = load_inventory([str(tmp_path / "one/i"), str(tmp_path / "two/i"), "c,"])
    assert by_name(inventory) == {
        "a": {"g": 1, "h": 2, "beside": "one", "v": 1, "w": 2},
        "b": {"g": 1, "h": 2, "beside": "one"},
        "c": {},
    }


def test_a_folder_is_all_the_inventories_in_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"b.yml": "gpu: {hosts: {b: }}", "a.yml": "gpu: {hosts: {a: }}", "notes.txt": "[", "a.yml~": "["},
        group_vars__gpu="v: 1",
    )
    assert by_name(load_inventory([str(tmp_path)])) == {"a": {"v": 1}, "b": {"v": 1}}


def test_a_template_that_only_another_playbook_understands_harms_nobody(tmp_path: Path) -> None:
    write(tmp_path, i="all: {hosts: {a: {x: '{{ y | regex_replace(1) }}', v: 1}}}")
    host = load_inventory([str(tmp_path / "i")]).hosts["a"]
    assert Variables([host.variables]).value("v") == 1
    with pytest.raises(BadInput, match="there is no filter 'regex_replace'"):
        Variables([host.variables]).value("x")


def test_names_are_those_that_are_set_or_used_anywhere(tmp_path: Path) -> None:
    write(tmp_path, i="all: {hosts: {a: {x: '{{ y }}'}}, vars: {z: [{k: '{{ w.q }}'}]}}")
    assert load_inventory([str(tmp_path / "i")]).names == {"x", "y", "z", "w", "ansible_connection"}


_SHAPE = "An inventory looks like 'all: {hosts: {gpu01: }, vars: {...}, children: {...}}'."

BAD = [
    ("", f"i:1:1: the inventory is empty. {_SHAPE}"),
    ("- a", f"i:1:1: an inventory is a mapping of groups. {_SHAPE}"),
    ("all: [a]", f"i:1:6: the group 'all' holds a mapping. {_SHAPE}"),
    ("gpu: {host: {a: }}", "i:1:7: 'host' is no key of the group 'gpu'. Did you mean 'hosts'?"),
    ("gpu: {gpu01: }", f"i:1:7: 'gpu01' is no key of the group 'gpu'. Hosts stand below 'hosts:'. {_SHAPE}"),
    ("gpu: {hosts: [a, b]}", "i:1:14: 'hosts' holds a mapping. End the name of each host with ':'."),
    ("gpu: {hosts: {a: 1}}", "i:1:18: the host 'a' holds a mapping"),
    ("gpu: {vars: [a]}", "i:1:13: 'vars' holds a mapping"),
    ("gpu: {children: [a]}", "i:1:17: 'children' holds a mapping. End the name of each group with ':'."),
    ("gpu: {children: {all: }}", "i:1:18: 'all' contains every group and is in none"),
    ("gpu: {children: {gpu: }}", "i:1:18: the group 'gpu' contains itself"),
    ("a: {children: {b: {children: {a: }}}}", "i:1:31: the group 'a' contains itself"),
    ("gpu: {hosts: {'a[3:1]': }}", "i:1:15: 'a[3:1]': from 3 to 1 goes backwards"),
    (
        "gpu: {hosts: {-oProxyCommand=x: }}",
        "i:1:15: '-oProxyCommand=x' is no name of a host: it begins with '-', as options do",
    ),
    ("gpu: {hosts: {a b: }}", "i:1:15: 'a b' is no name of a host: it has a space or one of , ! & / in it"),
    ("gpu: {hosts: {1: }}", "i:1:15: the key '1' means a number in YAML. Put quotes around it: \"1\"."),
    ("gpu: {hosts: {a: , a: }}", "i:1:20: 'a' is here a second time. The first is in line 1."),
    (
        "plugin: aws_ec2",
        "i:1:1: inventory plugins are not available in this version. Let Ansible run it, and read what it finds: "
        "'ansible-inventory -i FILE --list --yaml --export > hosts.yml', or name an executable that prints "
        "'ansible-inventory --list'.",
    ),
    (
        '{"_meta": {"hostvars": {}}, "gpu": {"hosts": ["a"]}}',
        "i:1:2: this is what a program prints for '--list', and no inventory file. "
        "Name an executable that prints it, as Ansible does too.",
    ),
    ("gpu: {vars: {ansible_group_priority: high}}", "i:1:38: 'ansible_group_priority' is a whole number"),
    ("gpu: {vars: {1: a}}", "i:1:14: the key '1' means a number in YAML. Put quotes around it: \"1\"."),
    (
        "gpu: {hosts: {'a[1]': }}",
        "i:1:15: 'a[1]' is no name of a host: what stands in brackets is no range like [01:64]",
    ),
    ("#!/bin/sh\n", "i:1:1: this inventory is a program. Make it executable (chmod +x) to have it run."),
    (" ; nothing\n# here\n", f"i:1:1: the inventory is empty. {_SHAPE}"),
    ("gpu:\n\thosts:\n", "i:2:1: a tab in the indentation. YAML is indented with spaces."),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_an_inventory_that_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, i=text)
    assert said(tmp_path, str(tmp_path / "i")) == [message]


def test_everything_that_is_wrong_in_any_source_is_said_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        one="gpu: {host: , hosts: {a b: }}\ncpu: {vars: 1}",
        two="gpu: {hosts: {a: }}",
        **{
            "group_vars__gpu.yml": "- x",
            "host_vars__a.yml": "$ANSIBLE_VAULT;1.1;AES256\n00\n",
            "group_vars__all": "v: 'x",
        },
    )
    assert said(tmp_path, str(tmp_path / "one"), str(tmp_path / "two"), "-x,", str(tmp_path / "none")) == [
        "-i: '-x' is no name of a host: it begins with '-', as options do",
        "group_vars/all:1:4: this quote is never closed",
        "group_vars/gpu.yml:1:1: a file of variables is a mapping",
        "host_vars/a.yml:1:1: this file was encrypted, and has been cut short or edited since. "
        "Encrypt it again, or bring it back from where it is kept.",
        "none: there is no such file or folder",
        "one:1:7: 'host' is no key of the group 'gpu'. Did you mean 'hosts'?",
        "one:1:23: 'a b' is no name of a host: it has a space or one of , ! & / in it",
        "one:2:13: 'vars' holds a mapping",
    ]


def test_a_name_without_a_comma_that_is_no_file_gets_a_hint() -> None:
    assert said(Path("/nowhere"), "gpu01") == [
        "gpu01: there is no such file or folder. For a host of this name write 'gpu01,'."
    ]


def test_an_empty_folder_is_no_inventory(tmp_path: Path) -> None:
    assert said(tmp_path, str(tmp_path)) == [
        f"{tmp_path}: there is no inventory in this folder. Files named *.txt, *.md, *.cfg and hidden ones are not "
        "read as such."
    ]


def said(folder: Path, *sources: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load_inventory(sources)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]
