"""Inventories that nobody would write by hand, and what the real Ansible makes of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .real import Ansible, Asked, ours

HOSTS = ["h1", "h2", "h3", "10.0.0.1", "fe80::1", "db.example.com", "localhost", "n[1:3]", "m[01:05:2]x:2200"]
GROUPS = ["all", "ungrouped", "c", "b", "a", "e-f", "d"]
NAMES = ["v", "w", "ansible_host", "x_y"]
# As they stand in an INI file, and for YAML.
TEXTS = [
    *("1", "-1", "1.5", "0x1f", "007", "1_000", "True", "true", "None", "yes", "[1, 'a', (2,)]", "{'a': {1: None}}"),
    *("'quoted'", '"5"', '"{{ w }}/x"', "a b", "'a # b'", "a#b", "c:d", "1.2.3.4", "b'x y'", "1e3", "2j", "{", "\\"),
    *("\u00fc\u4f60", "$HOME", "a=b", "-o ProxyCommand=x"),
]
VALUES = st.sampled_from([1, 1.5, True, None, "text", "5", "{{ v }}", [1, "a"], {"k": {"l": [None]}}, "\u4f60", "no"])
PATTERNS = ["all", "*", "h*", "~^h[12]$", "*[0]", "*.com", "[a-c]", "?", "all[1:]", "all[-1]", "all[0:1]", "n?[0-1]"]

variables = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
typed = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS), max_size=3)
priority = st.none() | st.integers(0, 3)
members = st.lists(st.tuples(st.sampled_from(HOSTS), typed), max_size=4)


@st.composite
def ini_files(draw: Callable[..., object]) -> str:
    """Sections in any order. A group holds only groups further on in GROUPS, so that none contains itself."""
    chosen = draw(st.lists(st.sampled_from(GROUPS[1:]), unique=True, min_size=1, max_size=5))
    parts = []
    for group in chosen:
        lines = [f"[{group}]  # hosts"]
        lines += [" ".join([host, *(shell(f"{k}={v}") for k, v in given.items())]) for host, given in draw(members)]
        parts.append(lines)
        inner = [each for each in chosen if GROUPS.index(each) > max(1, GROUPS.index(group))]
        if inner and group != "ungrouped" and draw(st.booleans()):
            below = draw(st.lists(st.sampled_from(inner), unique=True, min_size=1))
            parts.append([f"[{group}:children]", *below])
        if draw(st.booleans()):
            rank = draw(priority)
            ranked = [] if rank is None else [f"ansible_group_priority = {rank}"]
            parts.append([f"[{group}:vars]", *(f"{key} = {text}" for key, text in draw(typed).items()), *ranked])
    first = [host for host, _ in draw(members)]
    return "\n".join([*first, *("\n".join(lines) for lines in draw(st.permutations(parts))), ""])


@st.composite
def yaml_files(draw: Callable[..., object]) -> str:
    return yaml.safe_dump(
        {group: draw(groups(group)) for group in draw(st.lists(st.sampled_from(GROUPS), unique=True, min_size=1))},
        sort_keys=False,
    )


@st.composite
def groups(draw: Callable[..., object], name: str) -> dict[str, object] | None:
    """A group with those further on in GROUPS in it."""
    hosts = draw(st.none() | st.dictionaries(st.sampled_from(HOSTS), st.none() | variables, max_size=4))
    given = draw(st.none() | variables)
    rank = draw(priority)
    if rank is not None and given is not None:
        given = {**given, "ansible_group_priority": rank}
    inner = [each for each in GROUPS[2:] if name != "ungrouped" and GROUPS.index(each) > GROUPS.index(name)]
    below = draw(st.lists(st.sampled_from(inner), unique=True, max_size=2)) if inner else []
    parts = {"hosts": hosts, "vars": given, "children": {each: draw(groups(each)) for each in below}}
    keys = draw(st.permutations(list(parts)))
    return {key: parts[key] for key in keys if parts[key] is not None} or None


def shell(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'" if set(text) & set(" #\"'\\") else text


beside = st.dictionaries(
    st.sampled_from(
        [
            *("group_vars/all.yml", "group_vars/a", "group_vars/b.yaml", "group_vars/c/one.yml", "group_vars/c/two"),
            *("group_vars/c.yml", "group_vars/ungrouped.json", "host_vars/h1", "host_vars/n2.yml", "host_vars/n2"),
            *("group_vars/c/deep/three.yml", "group_vars/c/no.txt", "host_vars/10.0.0.1.yml", "host_vars/localhost"),
        ]
    ),
    variables,
    max_size=5,
)


def write(folder: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.is_dir() and not path.is_dir():
            path.write_text(content if isinstance(content, str) else json.dumps(content))


# To shrink an example takes minutes, and one as drawn says enough.
_PHASES = [phase for phase in Phase if phase is not Phase.shrink]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=_PHASES, suppress_health_check=[*HealthCheck])
@given(data=st.data())
def test_what_ansible_says_of_any_inventory_we_say_too(ansible: Ansible, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(data.draw(st.integers(1, 2), label="sources")):
            kind = data.draw(st.sampled_from(["ini", "yml", "both"]), label="kind")
            inventory = folder / f"i{number}"
            if kind != "yml":
                write(inventory, {"a.ini": data.draw(ini_files(), label="ini")})
            if kind != "ini":
                write(inventory, {"b.yml": data.draw(yaml_files(), label="yaml")})
            write(inventory, data.draw(beside, label="beside"))
        write(folder / "playbook", {"site.yml": "", **data.draw(beside, label="beside the playbook")})
        sources = [str(path) for path in sorted(folder.glob("i*"))]
        playbook = data.draw(st.none() | st.just(str(folder / "playbook")), label="playbook")
        atoms = st.sampled_from([*PATTERNS, *known(sources)])
        pieces = st.lists(
            st.tuples(st.sampled_from(["", "", "", "&", "!"]), atoms).map("".join), min_size=1, max_size=3
        )
        patterns = st.tuples(pieces, st.sampled_from([":", ","])).map(joined)
        selected = data.draw(
            st.lists(st.tuples(patterns, st.none() | patterns), min_size=3, max_size=6), label="patterns"
        )
        asked = Asked(sources, ["localhost", "h1"], [(one, limit) for one, limit in selected], playbook)
        real, own = ansible.says(asked), ours(asked)
        assert (real is None) == (own is None)
        if real and own:
            assert own["list"] == real["list"]
            assert own["graph"] == real["graph"]
            assert own["hosts"]["h1"] == real["hosts"]["h1"]
            # Ansible says of nobody that it is nobody; for us that is a mistake.
            assert [chosen or [] for chosen in own["selected"]] == [chosen or [] for chosen in real["selected"]]


def joined(drawn: tuple[list[str], str]) -> str:
    """A pattern of these pieces. With an IPv6 address in it only commas will do."""
    pieces, separator = drawn
    return ("," if any("::" in piece for piece in pieces) else separator).join(pieces)


def known(sources: list[str]) -> list[str]:
    answer = ours(Asked(sources))
    if answer is None:
        return ["all"]
    hosts = [host for group in answer["list"].values() for host in group.get("hosts", [])]
    return [*dict.fromkeys(hosts), *(name for name in answer["list"] if name != "_meta")]
