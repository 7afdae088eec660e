"""Connection variables that have no effect are named, once for the fleet, and a fleet's files work unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from autoglm_fix.authored.variables import Layer
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory.route_names import heeded
from autoglm_fix.inventory.routes import Asked, reach
from autoglm_fix.inventory.unheeded import beyond_us, on_trust, out_of_place, unheeded
from autoglm_fix.playbook import load_playbook


def said(folder: Path, text: str, extra: Layer | None = None) -> list[str]:
    (folder / "i.yml").write_text(text)
    hosts = load_inventory([str(folder / "i.yml")]).hosts
    return [str(each).removeprefix(f"{folder}/") for each in unheeded(hosts.values(), extra or {})]


def of_all(variables: str) -> str:
    return f"all:\n  vars:\n    {variables}\n  hosts:\n    gpu[01:64]:\n"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("ansible_prot: 22", ["i.yml:3:19: 'ansible_prot' is no variable that says how a host is reached. "
                              "Did you mean 'ansible_port'?"]),
        (
            "ansible_pipelining: true",
            ["i.yml:3:25: 'ansible_pipelining' has no effect: "
             "nothing is copied to the host, and one program serves the whole run"],
        ),
        ("ansible_winrm_transport: ntlm", ["i.yml:3:30: 'ansible_winrm_transport' has no effect: "
                                           "it belongs to a connection that is not available"]),
        ("ansible_become_passwrd: zebra", ["i.yml:3:29: 'ansible_become_passwrd' is no variable that says how a host "
                                           "is reached. Did you mean 'ansible_become_password'?"]),
        ("ansible_words_of_our_own: 1", ["i.yml:3:31: 'ansible_words_of_our_own' is no variable that says how a host "
                              "is reached. "
                              "It is passed over."]),
        # Facts and magic variables are nobody's connection.
        ("ansible_distribution: Debian", []),
        ("ansible_facts: {a: 1}", []),
        ("ansible_group_priority: 5", []),
        ("ansible_ssh_host_key_rsa_public: AAAA", []),
        ("ansible_managed: by hand", []),
        ("ansible_host: x", []),
        ("my_own: 1", []),
    ],
)  # fmt: skip
def test_what_nothing_reads_is_named_with_its_first_place(tmp_path: Path, variables: str, expected: list[str]) -> None:
    assert said(tmp_path, of_all(variables)) == expected


def test_a_variable_of_the_command_line_is_named_there(tmp_path: Path) -> None:
    (told,) = said(tmp_path, of_all("a: 1"), {"ansible_usr": "x"})
    assert told.startswith("-e: 'ansible_usr' is no variable")


_NAMES = """
import json
from ansible import constants
from ansible.plugins import loader

names = set()
for kind, plugins in (
    ("connection", ("ssh", "local", "paramiko_ssh", "psrp", "winrm")),
    ("become", ("sudo", "su", "runas")),
    ("shell", ("sh", "cmd", "powershell")),
):
    for plugin in plugins:
        getattr(loader, f"{kind}_loader").get(plugin, class_only=True)
        options = constants.config.get_configuration_definitions(kind, plugin)
        names |= {each["name"] for option in options.values() for each in option.get("vars", ())}
print(json.dumps(sorted(names)))
"""


def test_everything_that_says_how_a_host_is_reached_is_read_or_has_a_reason() -> None:
    """The names are those of the installed Ansible's own connections, become and shell plugins."""
    if find_spec("ansible") is None:
        pytest.skip("ansible-core is not installed")
    # In a process of its own: it changes Python itself where it is imported.
    said = subprocess.run([sys.executable, "-c", _NAMES], capture_output=True, text=True, check=True)
    names = set(json.loads(said.stdout))
    names = {name for name in names if name.startswith("ansible_")}
    assert len(names) > 50
    from autoglm_fix.inventory.unheeded import reason

    assert {name for name in names - heeded() if not reason(name)} <= {"ansible_facts"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("ansible_host_key_checking: false", "A changed key is refused all the same."),
        ("ansible_ssh_common_args: -o StrictHostKeyChecking=no", "A changed key is refused all the same."),
        (
            "ansible_ssh_common_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            "Leave 'UserKnownHostsFile=/dev/null' out: as it is, each key is one that was never seen.",
        ),
    ],
)
def test_keys_taken_on_trust_are_said_once(tmp_path: Path, variables: str, expected: str) -> None:
    (tmp_path / "i.yml").write_text(of_all(variables))
    inventory = load_inventory([str(tmp_path / "i.yml")])
    told = on_trust({name: reach(host, inventory, {}, Asked()) for name, host in inventory.hosts.items()})
    message = "host keys are not checked strictly (gpu01 and 63 more): one that was never seen is taken on trust"
    assert [str(each) for each in told] == [f"-i: {message}. {expected}"]


def test_strict_checking_needs_no_word(tmp_path: Path) -> None:
    (tmp_path / "i.yml").write_text(of_all("ansible_host_key_checking: true"))
    inventory = load_inventory([str(tmp_path / "i.yml")])
    assert on_trust({name: reach(host, inventory, {}, Asked()) for name, host in inventory.hosts.items()}) == []


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            "ansible_ssh_common_args: -o GSSAPIAuthentication=yes -o GSSAPIDelegateCredentials=yes",
            ["GSSAPIAuthentication"],
        ),
        ("ansible_ssh_extra_args: -K -o GSSAPIKeyExchange=yes", ["GSSAPIAuthentication", "GSSAPIKeyExchange"]),
        ("ansible_ssh_extra_args: -I /usr/lib/token.so", ["PKCS11Provider"]),
        ("ansible_ssh_common_args: -o GSSAPIAuthentication=no", []),
        ("{ansible_connection: openssh, ansible_ssh_common_args: -K}", []),
    ],
)
def test_ways_in_that_only_ssh_knows_are_no_mistake(tmp_path: Path, variables: str, expected: list[str]) -> None:
    (tmp_path / "i.yml").write_text(
        f"all:\n  vars: {variables if variables[0] == '{' else '{' + variables + '}'}\n  hosts: {{gpu1: , gpu2: }}\n"
    )
    inventory = load_inventory([str(tmp_path / "i.yml")])
    told = beyond_us({name: reach(host, inventory, {}, Asked()) for name, host in inventory.hosts.items()})
    hint = "Where nothing else gets in, set 'ansible_connection: openssh'."
    assert [str(each) for each in told] == [
        f"-i: '{name}' (gpu1 and 1 more) is for the system's own ssh: the other ways in are tried. {hint}"
        for name in expected
    ]


def test_a_play_says_nothing_of_how_its_hosts_are_reached(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(
        "- hosts: all\n  vars: {ansible_user: x, other: 1}\n  steps: [{diagnose: weights}]\n"
    )
    told = out_of_place(play.vars for play in load_playbook(tmp_path / "p.yml").plays)
    message = "'ansible_user' has no effect in a play. Set it in the inventory, or with -e."
    assert [str(each) for each in told] == [f"{tmp_path}/p.yml:2:24: {message}"]
