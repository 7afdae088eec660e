"""Each way to reach a host, for tests that all of them pass."""

from __future__ import annotations

import contextlib
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from autoglm_fix.connect.channel import Channel
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Become, Credentials, Route
from tests.hosts import Host, boot
from tests.hosts.containers import Kind, engine
from tests.hosts.needs import needs

WAYS = (
    *("local", "local+sudo", "ssh", "ssh+sudo", "ssh+su", "jump", "openssh", "openssh+sudo"),
    *("docker", "docker+sudo", "podman"),
)
IMAGE = "lab/python:1"
# In its containers ann may become root.
IMAGE_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:ann:/tmp:/bin/sh\n",
    "etc/group": "root:x:0:\nann:x:1000:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/sudoers": "ann ALL=(ALL:ALL) NOPASSWD: ALL\n",
    "etc/pam.d/sudo": "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session")),
}
JUMP = """\
Host {bastion}
  User root
  IdentityFile {key}
  UserKnownHostsFile {known}
  IdentitiesOnly yes
"""
PATIENCE_S = 60
ALIVE = 'for p; do grep -qs "^State:.[^Z]" "/proc/$p/status" && exit 0; done; exit 1'


@dataclass(frozen=True)
class Reached:
    """A host, and one way to it. `folder` is the same on both sides; `call` is argv on the host, its exit code.

    `variables` are the inventory's that say the same as `route` and `credentials`.
    """

    way: str
    folder: Path
    route: Route
    call: Callable[..., int]
    hostname: str
    credentials: Credentials = field(default_factory=Credentials)
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def channel(self, **changed: object) -> Iterator[Channel]:
        """To an agent on it, for as long as the context lasts."""
        with Connections() as connections:
            channel = connections.open("gpu01", replace(self.route, **changed), self.credentials)
            try:
                yield channel
            finally:
                channel.close()

    def ended(self, *pids: int) -> bool:
        """Whether these processes of the host end. One that nobody has asked for its code yet has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while self.call("sh", "-c", ALIVE, "sh", *map(str, pids)) == 0:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


@contextlib.contextmanager
def reached(way: str, folder: Path) -> Iterator[Reached]:
    """The host at the end of that way; its files are in `folder`, which it shares."""
    shared = folder / "shared"
    shared.mkdir()
    transport, _, become = way.partition("+")
    if transport == "local":
        if become and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
            pytest.skip("no sudo here")
        route = Route(python=sys.executable, become=Become() if become else None)
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        here = Reached(way, shared, route, _here, _hostname())
        yield replace(here, variables={**variables, **({"ansible_become": "true"} if become else {})})
    elif transport in ("docker", "podman"):
        yield from _in_container(way, folder, shared)
    else:
        with boot(folder / "host", systemd=False, share=[shared]) as host:
            there = _over_ssh(way, folder, shared, host)
            if transport == "jump":
                with boot(folder / "bastion", systemd=False, name="bastion") as bastion:
                    yield _behind(bastion, host, folder, there)
            else:
                yield there


def _here(*argv: str) -> int:
    return subprocess.run(argv, capture_output=True, check=False).returncode


def _hostname() -> str:
    return subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout.strip()


def _in_container(way: str, folder: Path, shared: Path) -> Iterator[Reached]:
    """`docker` goes through its command line, `podman`, whose own is not asked, over the socket."""
    transport, _, become = way.partition("+")
    kind: Kind = "docker" if transport == "docker" else "podman"
    with engine(folder / "engine", kind=kind) as docker:
        docker.image(IMAGE, files=IMAGE_FILES)
        volume = ("-v", f"{shared}:{shared}")
        docker.docker("run", "-d", "--name", "model", *docker.here, *volume, IMAGE, "sleep", "10000")

        def call(*argv: str) -> int:
            said = docker.docker("exec", "model", "sh", "-c", f"{shlex.join(argv)}; echo $?")
            return int(said.split()[-1])

        options = {"host": docker.environment["DOCKER_HOST"]}
        if kind == "podman":
            options["program"] = "podman-is-not-here"
        route = Route("docker", "model", options=options, timeout_s=PATIENCE_S)
        variables = {"ansible_connection": "docker", "ansible_host": "model"}
        if become:
            needs("another user in a container", ["sudo"])
            route = replace(route, user="ann", become=Become())
            variables |= {"ansible_user": "ann", "ansible_become": "true"}
        yield Reached(way, shared, route, call, _hostname(), variables=variables, environment=docker.environment)


def _over_ssh(way: str, folder: Path, shared: Path, host: Host) -> Reached:
    transport, _, become = way.partition("+")
    transport = "ssh" if transport == "jump" else transport
    known = folder / "known_hosts"
    known.write_text(f"{host.address} {host.host_key}\n")
    options = {"userknownhostsfile": str(known)}
    route = Route(transport, host.address, user="root", key_file=str(host.key), options=options, timeout_s=PATIENCE_S)
    variables = {
        "ansible_connection": transport,
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={known}",
    }
    call = _on(host)
    if not become:
        return Reached(way, shared, route, call, host.name, variables=variables)
    needs("another user", [become])
    password = secrets.token_hex(8)
    host.run("useradd", "-m", "-s", "/bin/bash", "ann")
    # sudo asks for one's own, su for that of whom one becomes; sshd lets nobody in who has none at all.
    own, of_root = (secrets.token_hex(8), password) if become == "su" else (password, secrets.token_hex(8))
    host.run("chpasswd", stdin=f"ann:{own}\nroot:{of_root}\n")
    host.write("/etc/sudoers.d/ann", "ann ALL=(ALL:ALL) ALL\n", 0o440)
    host.run("cp", "-r", "/root/.ssh", "/home/ann/.ssh")
    host.run("chown", "-R", "ann:", "/home/ann/.ssh")
    return Reached(
        way,
        shared,
        replace(route, user="ann", become=Become(become)),
        call,
        host.name,
        Credentials(become_password=password),
        {
            **variables,
            "ansible_user": "ann",
            "ansible_become": "true",
            "ansible_become_method": become,
            "ansible_become_password": password,
        },
    )


def _behind(bastion: Host, host: Host, folder: Path, there: Reached) -> Reached:
    """The same host by way of another."""
    for each in (bastion, host):
        each.run("ip", "route", "add", "default", "via", str(IPv4Address(each.address) - 1))
    known, config = folder / "known_hosts", folder / "ssh_config"
    known.write_text(f"{known.read_text()}{bastion.address} {bastion.host_key}\n")
    config.write_text(JUMP.format(bastion=bastion.address, key=bastion.key, known=known))
    options = {**there.route.options, "configfile": str(config), "proxyjump": bastion.address}
    words = f"{there.variables['ansible_ssh_common_args']} -F {config} -J {bastion.address}"
    variables = {**there.variables, "ansible_ssh_common_args": words}
    return replace(there, route=replace(there.route, options=options), variables=variables)


def _on(host: Host) -> Callable[..., int]:
    return lambda *argv: host.run(*argv, check=False).returncode
