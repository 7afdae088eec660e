"""``discover`` on several hosts, as the folder of a fleet says: some of them out of reach, or shut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connect.accounts import add_accounts
from tests.hosts import Host, boot

from .command import Said, autoglm_fix

CONFIG = """\
[defaults]
remote_user = root
private_key_file = {key}
timeout = 60
host_key_checking = False
[ssh_connection]
ssh_common_args = -o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes -o IdentityAgent=none
"""
HOSTS = """\
[up]
gpu01 ansible_host={address} ansible_ssh_extra_args='-o HostKeyAlias=gpu01'
[away]
gpu02 ansible_host=127.0.0.1 ansible_port=1
gpu03 ansible_host=127.0.0.1 ansible_port=1
[shut]
gpu04 ansible_host={address} ansible_ssh_extra_args='-o HostKeyAlias=gpu01' ansible_become=true ansible_user=nobodys
[behind]
gpu05 ansible_ssh_extra_args='-F {folder}/ssh_config' service="{{'python': '/usr/bin/python3', 'model': '/no/such'}}"
"""
GATE = "gate ansible_user=hop ansible_password=pw-hop\n"
SSH = """\
Host gate
  HostName {address}
  PubkeyAuthentication no
Host gpu05
  HostName 127.0.0.1
  ProxyJump gate
Host *
  HostKeyAlias gpu01
  UserKnownHostsFile {folder}/known_hosts
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an ansible.cfg; its one host that is up has an account that may become nobody."""
    folder = tmp_path_factory.mktemp("fleet")
    with boot(folder / "gpu01", systemd=False) as host:
        lay_out(folder, host)
        yield folder


def lay_out(folder: Path, host: Host) -> None:
    add_accounts(host, nobodys="/bin/sh", hop="/bin/sh")
    (folder / "known_hosts").write_text(f"gpu01 {host.host_key}\n")
    (folder / "ansible.cfg").write_text(CONFIG.format(key=host.key, folder=folder))
    (folder / "hosts.ini").write_text(HOSTS.format(address=host.address, folder=folder))
    (folder / "gate.ini").write_text(GATE)
    (folder / "ssh_config").write_text(SSH.format(address=host.address, folder=folder))


def discover(fleet: Path, limit: str) -> Said:
    return autoglm_fix(
        *("discover", "-i", "hosts.ini", "-l", limit, "--search", "/nowhere", "--format", "json"),
        cwd=fleet,
        ANSIBLE_CONFIG=str(fleet / "ansible.cfg"),
    )


@pytest.mark.parametrize(
    ("limit", "code", "found", "lost"),
    [
        ("up", 0, ["gpu01"], []),
        ("up,away", 3, ["gpu01"], ["gpu[02:03] (2 hosts)"]),
        ("away", 3, [], ["gpu[02:03] (2 hosts)"]),
        ("up,away,shut", 2, ["gpu01"], ["gpu[02:03] (2 hosts)", "gpu04"]),
    ],
)
def test_the_exit_code_tells_hosts_out_of_reach_from_others_and_what_is_found_is_printed(
    fleet: Path, limit: str, code: int, found: list[str], lost: list[str]
) -> None:
    said = discover(fleet, limit)
    assert (said.code, [host["host"] for host in json.loads(said.out)["hosts"]]) == (code, found), said.err
    told = [line.partition(" could not be looked at: ") for line in said.err.splitlines() if "could not be" in line]
    assert [host for host, _, _ in told] == [f"autoglm-fix: {hosts}" for hosts in lost]


def test_a_jump_host_is_told_the_password_that_the_inventory_has_for_it(fleet: Path) -> None:
    playbook = fleet / "p.yml"
    playbook.write_text("- {name: p, hosts: gpu05, steps: [{name: s, diagnose: weights}]}\n")
    for command in (["discover", "--search", "/nowhere"], ["run", str(playbook), "--dry-run"]):
        words = [*command, "-i", "hosts.ini", "-l", "gpu05", "--format", "json"]
        told = autoglm_fix(*words, "-i", "gate.ini", cwd=fleet, ANSIBLE_CONFIG=str(fleet / "ansible.cfg"))
        not_told = autoglm_fix(*words, cwd=fleet, ANSIBLE_CONFIG=str(fleet / "ansible.cfg"))
        assert (told.code, not_told.code) == (2 if "run" in command else 0, 3)
        assert "pw-hop" not in told.out + told.err
        assert "Put the jump host into the inventory (-i) as a host named gate" in not_told.err + not_told.out


def test_what_the_folder_says_and_is_not_followed_is_told_once(fleet: Path) -> None:
    said = discover(fleet, "up")
    (line,) = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert line.startswith(f"warning: {fleet}/ansible.cfg:5:1: 'host_key_checking' is not followed.")
