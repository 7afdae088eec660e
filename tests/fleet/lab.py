"""A fleet as a person has it: real hosts behind a bastion, an inventory folder, and what is wrong with some of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests import shards
from tests.cli.command import Said
from tests.connect.accounts import add_accounts
from tests.hosts import Host, boot
from tests.services.lab import ROOT

MODEL = "/srv/models/name"
BROKEN = shards.shard_name(2)
PASSWORD = "pw-ops"
VAULT = "open sesame"
# Of /var/lib a host sees what the machine has there.
STATE = "/var/tmp/autoglm-fix"
SUDO = "ops ALL=(ALL:ALL) ALL\n"
EVERYBODY = """\
Host bastion
  HostName {bastion}
  User root
  IdentityFile {bastion_key}
Host *
  IdentityAgent none
  IdentitiesOnly yes
  UserKnownHostsFile {known}
"""
HOST = """\
Host {name}
  HostName {address}
  IdentityFile {key}
  HostKeyAlias {name}
  ProxyJump bastion
"""


@dataclass(frozen=True)
class Fleet:
    """The hosts by name, and what the controller knows of them: an inventory folder, an ssh_config, a password file."""

    folder: Path
    bastion: Host
    hosts: Mapping[str, Host]

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory"

    @property
    def good(self) -> Path:
        """A mirror of the model's files, on the controller and on every host."""
        return self.folder / "mirror" / "name"

    @property
    def known(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "autoglm_fix", *map(str, arguments)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "LANG": "C.UTF-8", "COLUMNS": "120", "PYTHONPATH": str(ROOT)}

    def call(self, *arguments: str | Path) -> Said:
        """The command line, without a terminal. What is meant for a developer, or a password, is a defect on it."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        said = done.stdout + done.stderr
        for never in ("Traceback", "(text=", PASSWORD, VAULT):
            assert never not in said, said
        return Said(done.returncode, done.stdout, done.stderr)

    def asked(self, command: str, *more: str | Path) -> list[str | Path]:
        """A command over the inventory, with the file of the vault's password."""
        return [*command.split(), "-i", self.inventory, "--vault-password-file", self.folder / "vault", *more]

    def weights(self, *more: str | Path) -> list[str | Path]:
        """A run of the step about weights alone, without a proof, with a mirror to fetch from."""
        given = ("-t", "weights", "--no-verify", "-e", f"weights_source={self.good}")
        return self.asked("run no-output", *given, *more)

    def written(self, *, journals: bool = True) -> dict[str, dict[str, str | None]]:
        """What has changed on each host since its boot, but for what sshd, PAM and sudo log by themselves.

        ``journals``: with those of runs, that only a run which changes something may leave.
        """
        apart = ("/var/log",) if journals else ("/var/log", STATE)
        return {
            name: {path: what for path, what in host.written().items() if not path.startswith(apart)}
            for name, host in {"bastion": self.bastion, **self.hosts}.items()
        }

    def break_(self, *names: str) -> None:
        """Cut the second shard off on these hosts."""
        for name in names:
            self.hosts[name].run("truncate", "-s", "1000", f"{MODEL}/{BROKEN}")

    def is_whole(self, name: str) -> bool:
        size = int(self.hosts[name].run("stat", "-c", "%s", f"{MODEL}/{BROKEN}").stdout)
        return size == (self.good / BROKEN).stat().st_size

    def write_inventory(self, hosts: Mapping[str, object], **groups: object) -> None:
        """``hosts.yml``: the hosts with their variables, and groups of them."""
        text = json.dumps({"all": {"hosts": hosts, "children": groups}}, indent=1)
        (self.inventory / "hosts.yml").write_text(text)


@contextlib.contextmanager
def fleet(folder: Path, sealed: str, plain: Sequence[str], systemd: Sequence[str] = ()) -> Iterator[Fleet]:
    """A fleet of hosts that run sshd alone (``plain``), and of hosts with systemd; the bastion is none of them.

    ``sealed`` is the become password as a vault's value.
    """
    mirror = shards.model(folder / "mirror" / "name")
    (folder / "vault").write_text(VAULT)
    (folder / "inventory" / "group_vars").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        names = ["bastion", *plain, *systemd]

        def start(name: str) -> Host:
            context = boot(folder / "hosts" / name, systemd=name in systemd, name=name, share=[mirror.parent])
            host = context.__enter__()
            stack.push(context)
            near = IPv4Address(host.address) - 1
            subprocess.run(
                ["nsenter", "-n", "-t", str(host.pid), "ip", "route", "add", "default", "via", str(near)], check=True
            )
            if name != "bastion":
                _lay_out(host, mirror)
            return host

        with ThreadPoolExecutor(4) as pool:
            booted = dict(zip(names, pool.map(start, names), strict=True))
        bastion = booted.pop("bastion")
        made = Fleet(folder, bastion, booted)
        _write_settings(made, sealed)
        yield made


def _lay_out(host: Host, mirror: Path) -> None:
    add_accounts(host, ops="/bin/bash")
    host.write("/etc/sudoers.d/ops", SUDO, 0o440)
    host.run("mkdir", "-p", "/srv/models")
    host.run("cp", "-a", mirror, MODEL)


def _write_settings(made: Fleet, sealed: str) -> None:
    everybody = [made.bastion, *made.hosts.values()]
    made.known.write_text(
        f"{made.bastion.address} {made.bastion.host_key}\n"
        + "".join(f"{host.name} {host.host_key}\n" for host in everybody)
    )
    blocks = [
        HOST.format(name=name, address=host.address, key=host.key, known=made.known)
        for name, host in made.hosts.items()
    ]
    last = EVERYBODY.format(bastion=made.bastion.address, bastion_key=made.bastion.key, known=made.known)
    made.config.write_text("".join(blocks) + last)
    service = {"name": "name", "engine": "transformers", "python": "/usr/bin/python3", "model": MODEL}
    variables = {
        "ansible_user": "ops",
        "ansible_become": True,
        "ansible_ssh_common_args": f"-F {made.config}",
        "autoglm_fix_state_dir": STATE,
        "service": service,
    }
    variables["ansible_timeout"] = 20
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in variables.items())
    (made.inventory / "group_vars" / "all.yml").write_text(f"{lines}ansible_become_password: {sealed}")
