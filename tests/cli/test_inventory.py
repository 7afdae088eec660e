"""``autoglm-fix inventory`` beside the real ``ansible-inventory``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from autoglm_fix.cli.orders import Choice, prepare
from tests.inventory.test_load import write

from .command import autoglm_fix

PUBLIC = Path(__file__).parent.parent / "inventory/public"
MULTINODE = PUBLIC / "kolla-ansible/inventory/multinode"


def ansible_inventory(home: Path, *arguments: str | Path) -> str:
    pytest.importorskip("ansible", reason="ansible-core is not installed")
    (home / "ansible.cfg").write_text("[defaults]\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-inventory", *map(str, arguments)],
        env={**kept, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(home / "ansible.cfg"), "ANSIBLE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--list", "--limit", "control[0]:compute", "--playbook-dir", PUBLIC / "kolla-ansible"],
        ["--graph", "--vars", "baremetal"],
        ["--host", "network01"],
        ["--list", "--yaml"],
    ],
    ids=lambda options: " ".join(option for option in options if isinstance(option, str)),
)
def test_it_prints_what_ansible_inventory_prints(tmp_path: Path, options: Sequence[str | Path]) -> None:
    found = autoglm_fix("inventory", "-i", MULTINODE, *options)
    assert (found.code, found.err) == (0, "")
    assert found.out == ansible_inventory(tmp_path, "-i", MULTINODE, *options)


def test_what_it_lists_is_an_inventory_again(tmp_path: Path) -> None:
    listed = autoglm_fix("inventory", "-i", MULTINODE, "--list").out
    program = tmp_path / "hosts"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{listed}END\n")
    program.chmod(0o755)
    assert autoglm_fix("inventory", "-i", program, "--list").out == listed


def test_services_are_shown_where_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, i="all: {hosts: {a: {service: {python: /p, model: /m}}, b: }}")
    of_all = autoglm_fix("inventory", "-i", tmp_path / "i", "--list", "--services").document
    assert [service["model"] for service in of_all["a"]] == ["/m"] and of_all["b"] == []
    assert json.loads(autoglm_fix("inventory", "-i", tmp_path / "i", "--host", "a", "--services").out) == of_all["a"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "comptue01"], "--host: no host or group is named 'comptue01'. Did you mean 'compute01'?"),
        (["--host", "control"], "--host: 'control' is 3 hosts: name one"),
        (["--graph", "contrl"], "GROUP: there is no group 'contrl'. Did you mean 'control'?"),
        (["--list", "--limit", "contrl"], "--limit: no host or group is named 'contrl'. Did you mean 'control'?"),
    ],
)
def test_what_there_is_not_is_named(options: Sequence[str], message: str) -> None:
    found = autoglm_fix("inventory", "-i", MULTINODE, *options)
    assert (found.code, found.out, found.err) == (4, "", f"{message}\nNothing was touched.\n")


def test_variables_from_beside_the_playbook_reach_its_hosts(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "site.yml": "- {hosts: all, verify: [generate]}",
            "group_vars__all__how.yml": "ansible_connection: local",
            "group_vars__all__what.yml": "service: {python: /p, model: '/m/{{ inventory_hostname }}'}",
            "host_vars__b.yml": "service: {python: /q, model: /n}",
        },
    )
    prepared = prepare(Choice(str(tmp_path / "site.yml"), inventories=["a,b"]))
    assert {name: reach.route.connection for name, reach in prepared.routes.items()} == {"a": "local", "b": "local"}
    services = {target.name: target.plays[0][0].service.model for target in prepared.targets}
    assert services == {"a": "/m/a", "b": "/n"}
