"""The names of Ansible's connection variables, the more telling one first, and what their values may be."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

CONNECTIONS: Mapping[str, str] = {
    **dict.fromkeys(("ssh", "smart", "paramiko", "paramiko_ssh", "libssh"), "ssh"),
    **dict.fromkeys(("ansible.builtin.ssh", "ansible.builtin.paramiko_ssh", "ansible.netcommon.libssh"), "ssh"),
    **dict.fromkeys(("local", "ansible.builtin.local"), "local"),
    **dict.fromkeys(("docker", "community.docker.docker", "docker_api", "community.docker.docker_api"), "docker"),
    **dict.fromkeys(("podman", "containers.podman.podman"), "docker"),
    "openssh": "openssh",
}
# The last part of a docker connection's name, and the program that speaks for it.
ENGINES: Mapping[str, str] = {"docker": "docker", "docker_api": "docker", "podman": "podman"}
BECOME_METHODS = ("sudo", "su", "doas")
HOST_KEY_CHECKING = (
    *("ansible_paramiko_host_key_checking", "ansible_ssh_host_key_checking", "ansible_host_key_checking"),
)
# What a template gives that was told to leave something out.
NOTHING_TO_SAY = ("__omit_place_holder__",)


@dataclass(frozen=True)
class Names:
    """The variables of one connection, for each setting."""

    address: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    password: tuple[str, ...] = ()
    key_file: tuple[str, ...] = ()
    passphrase: tuple[str, ...] = ()
    timeout: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    proxy_command: tuple[str, ...] = ()
    program: tuple[str, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """All of them."""
        settings = (self.address, self.port, self.user, self.password, self.key_file, self.passphrase)
        more = (self.timeout, self.arguments, self.proxy_command, self.program)
        return frozenset(name for names in (*settings, *more) for name in names)


@dataclass(frozen=True)
class BecomeNames:
    """The variables of one way to become another user."""

    user: tuple[str, ...]
    password: tuple[str, ...]
    program: tuple[str, ...]
    flags: tuple[str, ...]


_SSH = Names(
    address=("ansible_paramiko_host", "ansible_ssh_host", "ansible_host"),
    port=("ansible_paramiko_port", "ansible_ssh_port", "ansible_port"),
    user=("ansible_paramiko_user", "ansible_ssh_user", "ansible_user"),
    password=(
        *("ansible_paramiko_pass", "ansible_paramiko_password", "ansible_ssh_password", "ansible_ssh_pass"),
        *("ansible_pass", "ansible_password"),
    ),
    key_file=("ansible_paramiko_private_key_file", "ansible_ssh_private_key_file", "ansible_private_key_file"),
    passphrase=("ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"),
    timeout=("ansible_paramiko_timeout", "ansible_ssh_timeout", "ansible_timeout"),
    arguments=("ansible_ssh_common_args", "ansible_ssh_extra_args"),
    proxy_command=("ansible_paramiko_proxy_command",),
    program=("ansible_ssh_executable",),
)
_DOCKER = Names(
    address=("ansible_docker_host", "ansible_host"),
    user=("ansible_docker_user", "ansible_user"),
    timeout=("ansible_docker_timeout", "ansible_timeout"),
    arguments=("ansible_docker_extra_args",),
    program=("ansible_docker_executable",),
)
_PODMAN = Names(
    address=("ansible_podman_host", "ansible_host"),
    user=("ansible_podman_user", "ansible_user"),
    timeout=("ansible_podman_timeout", "ansible_timeout"),
    arguments=("ansible_podman_extra_args",),
    program=("ansible_podman_executable",),
)


def names_of(connection: str, engine: str = "docker") -> Names:
    """The variables that count for a connection; none for this machine."""
    if connection == "docker":
        return _PODMAN if engine == "podman" else _DOCKER
    return _SSH if connection in ("ssh", "openssh") else Names()


@functools.cache
def become_names(method: str) -> BecomeNames:
    """The variables that count for a way to become another user: its own ones outrank those of all."""
    return BecomeNames(
        user=(f"ansible_{method}_user", "ansible_become_user"),
        password=(f"ansible_{method}_pass", "ansible_become_pass", "ansible_become_password"),
        program=(f"ansible_{method}_exe", "ansible_become_exe"),
        flags=(f"ansible_{method}_flags", "ansible_become_flags"),
    )


@functools.cache
def heeded() -> frozenset[str]:
    """Every connection variable that counts for some connection."""
    ways = [become_names(method) for method in BECOME_METHODS]
    of_become = {name for way in ways for names in (way.user, way.password, way.program, way.flags) for name in names}
    single = {"ansible_connection", "ansible_python_interpreter", "ansible_become", "ansible_become_method"}
    return frozenset(
        {*single, "ansible_ssh_args", *HOST_KEY_CHECKING, *of_become, *_SSH.all, *_DOCKER.all, *_PODMAN.all}
    )
