"""A jump host that wants a password is told the one that the inventory has for it, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, NotConnected
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route, nothing_known
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory.jump_logins import InventoryLogins
from tests.connect.ssh.lab import PYTHON, hello, known
from tests.hosts import Host, boot

BY_PASSWORD, BY_PROMPT, BEHIND = 2301, 2302, 2303
LOG = "/var/log/jump"
SSHD = """\
Port {port}
PidFile none
HostKey /etc/ssh/lab_host_key
UsePAM {pam}
PasswordAuthentication {password}
KbdInteractiveAuthentication {prompts}
PubkeyAuthentication {keys}
PermitRootLogin prohibit-password
"""
CONFIG = """\
Host bastion
  HostName {address}
  Port {port}
  IdentityFile none
Host gpu01
  HostName 127.0.0.1
  Port {behind}
  User root
  IdentityFile {key}
  ProxyJump {jump}
Host *
  IdentityAgent none
  IdentitiesOnly yes
  UserKnownHostsFile {known}
  HostKeyAlias bastion
"""
# What is for the host behind: a jump host that is told it could use it.
THEIRS = Credentials(password="for-gpu01-alone", become_password="root-of-gpu01")


@pytest.fixture(scope="module")
def bastion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("hosts") / "bastion", systemd=False, name="bastion") as host:
        host.write("/root/.bashrc", "")
        host.run("useradd", "-m", "hop")
        host.run("chpasswd", stdin="hop:pw-hop\n")
        for port, password in ((BY_PASSWORD, True), (BY_PROMPT, False)):
            sshd(host, port, pam=not password, password=password, prompts=not password, keys=False)
        sshd(host, BEHIND, pam=False, password=False, prompts=False, keys=True)
        yield host


def sshd(host: Host, port: int, **settings: bool) -> None:
    words = {name: "yes" if on else "no" for name, on in settings.items()}
    host.write(f"/etc/ssh/jump_{port}", SSHD.format(port=port, **words))
    host.run("/usr/sbin/sshd", "-f", f"/etc/ssh/jump_{port}", "-E", f"{LOG}-{port}")


@dataclass
class Way:
    """The way to gpu01 through the bastion, and an inventory beside it."""

    bastion: Host
    folder: Path

    def open(self, inventory: str = "", *, port: int = BY_PASSWORD, jump: str = "bastion") -> str:
        """The name of the host on which an agent answers. Raises NotConnected."""
        values = {"address": self.bastion.address, "port": port, "behind": BEHIND, "key": self.bastion.key}
        config, file = self.folder / "config", self.folder / "hosts.ini"
        config.write_text(CONFIG.format(jump=jump, known=known(self.folder, self.bastion), **values))
        file.write_text(f"gpu01\n{inventory}")
        logins = InventoryLogins(load_inventory([str(file)]), {}) if inventory else nothing_known
        to = Route("ssh", "gpu01", options={"configfile": str(config)}, python=PYTHON)
        with Connections(jump_logins=logins) as connections:
            agent = Agent(connections.open("gpu01", to, THEIRS))
            try:
                return hello(agent)
            finally:
                agent.close()

    def refused(self, inventory: str = "", **how: str) -> NotConnected:
        with pytest.raises(NotConnected) as caught:
            self.open(inventory, **how)
        return caught.value

    def tried(self) -> int:
        """How many passwords the bastion was told that were not the right one."""
        return self.bastion.read(f"{LOG}-{BY_PASSWORD}").count("Failed password")


@pytest.fixture
def way(bastion: Host, tmp_path: Path) -> Way:
    return Way(bastion, tmp_path)


@pytest.mark.parametrize("port", [BY_PASSWORD, BY_PROMPT])
@pytest.mark.parametrize(
    "inventory",
    [
        "bastion ansible_user=hop ansible_password=pw-hop",
        "bastion ansible_ssh_user=hop ansible_ssh_pass='{{ of_the_gate }}' of_the_gate=pw-hop",
        "gate ansible_host=bastion ansible_user=hop ansible_password=pw-hop",
    ],
)
def test_its_user_and_password_are_those_of_the_inventory(way: Way, inventory: str, port: int) -> None:
    assert way.open(inventory, port=port) == "bastion"


def test_the_user_that_the_way_names_is_the_one(way: Way) -> None:
    assert way.open("bastion ansible_user=hop ansible_password=pw-hop", jump="hop@bastion") == "bastion"
    assert way.open("bastion ansible_password=pw-hop", jump="hop@bastion") == "bastion"


@pytest.mark.parametrize(
    ("inventory", "jump"),
    [
        ("", "hop@bastion"),
        ("bastion ansible_user=hop", "bastion"),
        ("bastion ansible_user=somebody ansible_password=pw-hop", "hop@bastion"),
        ("other ansible_user=hop ansible_password=pw-hop", "hop@bastion"),
    ],
)
def test_without_one_it_is_told_none_and_the_error_says_where_to_write_it(way: Way, inventory: str, jump: str) -> None:
    before = way.tried()
    why = way.refused(inventory, jump=jump)
    assert (why.code, why.behind, why.values["jump"], why.values["methods"]) == (
        *("jump.needs-password", "bastion", "bastion"),
        ["password"],
    )
    assert way.tried() == before


def test_a_wrong_one_is_told_once(way: Way) -> None:
    before = way.tried()
    why = way.refused("bastion ansible_user=hop ansible_password=wrong")
    assert (why.code, why.behind, why.values["host"]) == ("login.denied", "bastion", "bastion")
    assert way.tried() == before + 1


def test_an_entry_that_cannot_be_read_is_named(way: Way) -> None:
    why = way.refused("bastion ansible_user=hop ansible_password='{{ nowhere }}'")
    assert (why.code, why.behind) == ("jump.entry", "bastion")
    assert "nowhere" in why.values["reason"]
