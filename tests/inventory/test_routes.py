"""From Ansible's connection variables to the way there: by which name, in which order, and what is refused."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Layer
from autoglm_fix.connect.route import Become, Credentials, Route
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory.routes import Asked, Reach, reach

OUTSIDE = "Say it in ~/.ssh/config, or set 'ansible_connection: openssh', which leaves it to the system's own ssh."


def reached(folder: Path, variables: str, asked: Asked | None = None, extra: Layer | None = None) -> Reach:
    """The way to the host ``gpu01``, whose variables are written one a line."""
    path = folder / "i.yml"
    lines = "".join(f"      {line.strip()}\n" for line in variables.strip().splitlines())
    path.write_text(f"all:\n  hosts:\n    gpu01:\n{lines}")
    inventory = load_inventory([str(path)])
    return reach(inventory.hosts["gpu01"], inventory, extra or {}, asked or Asked(), "/state")


def route(folder: Path, variables: str, asked: Asked | None = None, extra: Layer | None = None) -> Route:
    return reached(folder, variables, asked, extra).route


def problems(folder: Path, variables: str, asked: Asked | None = None, extra: Layer | None = None) -> list[str]:
    with pytest.raises(BadInput) as refused:
        reached(folder, variables, asked, extra)
    return [str(problem).removeprefix(f"{folder}/") for problem in refused.value.problems]


SSH = {"connection": "ssh", "address": "gpu01"}
ROUTES: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("ansible_host: 10.0.0.1", {"address": "10.0.0.1"}),
    ("{ansible_ssh_host: old, ansible_host: new}", {"address": "old"}),
    ("ansible_host: '{{ inventory_hostname_short }}.lab'", {"address": "gpu01.lab"}),
    ("{ansible_port: 2222, ansible_user: ops}", {"port": 2222, "user": "ops"}),
    ("{ansible_ssh_port: '2222', ansible_ssh_user: ops}", {"port": 2222, "user": "ops"}),
    ("ansible_user: 1000", {"user": "1000"}),
    ("ansible_user:", {}),
    ("ansible_ssh_private_key_file: ~/.ssh/fleet", {"key_file": "~/.ssh/fleet"}),
    ("{ansible_private_key_file: b, ansible_ssh_private_key_file: a}", {"key_file": f"{os.getcwd()}/a"}),
    ("ansible_python_interpreter: /opt/py/bin/python3", {"python": "/opt/py/bin/python3"}),
    ("ansible_python_interpreter: /usr/bin/env python3.11", {"python": "python3.11"}),
    ("ansible_python_interpreter: auto_silent", {}),
    ("ansible_ssh_timeout: 30", {"timeout_s": 30.0}),
    ("ansible_timeout: '2.5'", {"timeout_s": 2.5}),
    ("autoglm_fix_state_dir: /srv/state", {"state_dir": "/srv/state"}),
    ("ansible_connection: smart", {}),
    ("ansible_connection: paramiko_ssh", {}),
    ("ansible_connection: ansible.builtin.ssh", {}),
    # Arguments of ssh, as they are found in real inventories.
    ("ansible_ssh_common_args: -J ops@bastion:2222", {"options": {"proxyjump": "ops@bastion:2222"}}),
    ("ansible_ssh_common_args: '-oProxyJump=a,b -4q'", {"options": {"proxyjump": "a,b", "addressfamily": "inet"}}),
    (
        "ansible_ssh_common_args: '-o ProxyCommand=\"ssh -W %h:%p -q ops@bastion\"'",
        {"options": {"proxycommand": "ssh -W %h:%p -q ops@bastion"}},
    ),
    (
        "ansible_ssh_common_args: -o 'ServerAliveInterval 15' -o serveralivecountmax=2",
        {"options": {"serveraliveinterval": "15", "serveralivecountmax": "2"}},
    ),
    ("ansible_ssh_args: -C -o ControlMaster=auto -o ControlPersist=60s", {"options": {"compression": "yes"}}),
    ("ansible_ssh_extra_args: -F none -o BatchMode=yes -vvv -A -T", {"options": {"configfile": "none"}}),
    ("ansible_ssh_common_args: '-p 2200 -l ml -i /k'", {"port": 2200, "user": "ml", "key_file": "/k"}),
    ("ansible_ssh_common_args: -o ConnectTimeout=7", {"timeout_s": 7.0}),
    ("ansible_ssh_common_args: -o GSSAPIAuthentication=no", {}),
    # One more way in, which only ssh itself knows: the others are tried.
    ("ansible_ssh_common_args: -o GSSAPIAuthentication=yes", {"options": {"gssapiauthentication": "yes"}}),
    ("ansible_ssh_extra_args: -K -k", {"options": {"gssapiauthentication": "yes"}}),
    ("ansible_ssh_args: -o VerifyHostKeyDNS=yes", {"options": {"verifyhostkeydns": "yes"}}),
    (
        "ansible_ssh_common_args: -o PubkeyAcceptedKeyTypes=+ssh-rsa",
        {"options": {"pubkeyacceptedalgorithms": "+ssh-rsa"}},
    ),
    ("ansible_ssh_common_args: -o 'IdentityFile=\"/a b\"'", {"key_file": "/a b"}),
    ("ansible_paramiko_proxy_command: ssh -W %h:%p b", {"options": {"proxycommand": "ssh -W %h:%p b"}}),
    # The first on ssh's own command line is what counts: ssh_args, then the variables, then the common arguments.
    ("{ansible_port: 22, ansible_ssh_common_args: '-p 2200'}", {"port": 22}),
    ("{ansible_port: 22, ansible_ssh_args: '-p 2200'}", {"port": 2200}),
    ("{ansible_ssh_common_args: '-J a', ansible_ssh_extra_args: '-J b'}", {"options": {"proxyjump": "a"}}),
    # Checking is never off: a key that was never seen is taken, and a changed one refused.
    ("ansible_host_key_checking: false", {"options": {"stricthostkeychecking": "accept-new"}}),
    ("ansible_ssh_host_key_checking: 'no'", {"options": {"stricthostkeychecking": "accept-new"}}),
    ("ansible_host_key_checking: true", {}),
]


@pytest.mark.parametrize(("variables", "expected"), ROUTES)
def test_ssh_takes_what_the_variables_say(tmp_path: Path, variables: str, expected: dict[str, Any]) -> None:
    lines = variables.strip("{}").replace(", ansible_", "\nansible_") if variables.startswith("{") else variables
    assert route(tmp_path, lines) == Route(**{**SSH, **expected})


def test_this_machine_needs_nothing_but_itself(tmp_path: Path) -> None:
    found = reached(tmp_path, "ansible_connection: local\nansible_user: x\nansible_password: y")
    assert found == Reach(Route("local", state_dir="/state"))


def test_the_python_of_this_command_can_be_named(tmp_path: Path) -> None:
    import sys

    found = route(tmp_path, 'ansible_connection: local\nansible_python_interpreter: "{{ ansible_playbook_python }}"')
    assert found.python == sys.executable


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("ansible_connection: docker", {"options": {"program": "docker"}}),
        (
            "ansible_connection: community.docker.docker\nansible_host: vllm",
            {"options": {"program": "docker"}, "address": "vllm"},
        ),
        (
            "ansible_connection: containers.podman.podman\nansible_user: ml",
            {"options": {"program": "podman"}, "user": "ml"},
        ),
        (
            "ansible_connection: docker\nansible_docker_extra_args: -H tcp://10.0.0.1:2375 --tls",
            {"options": {"program": "docker", "host": "tcp://10.0.0.1:2375"}, "words": ("--tls",)},
        ),
        (
            "ansible_connection: podman\nansible_podman_executable: /opt/podman\nansible_podman_extra_args: --remote",
            {"options": {"program": "/opt/podman"}, "words": ("--remote",)},
        ),
    ],
)
def test_a_container_is_reached_by_its_engine(tmp_path: Path, variables: str, expected: dict[str, Any]) -> None:
    assert route(tmp_path, variables) == Route(**{"connection": "docker", "address": "gpu01", **expected})


def test_the_systems_own_ssh_takes_every_option(tmp_path: Path) -> None:
    found = route(
        tmp_path,
        "ansible_connection: openssh\nansible_ssh_executable: /opt/ssh\n"
        "ansible_ssh_common_args: -o GSSAPIAuthentication=yes -o ControlMaster=auto -K",
    )
    assert found.connection == "openssh"
    assert found.options == {"gssapiauthentication": "yes", "controlmaster": "auto", "program": "/opt/ssh"}


BECOME: list[tuple[str, Become | None]] = [
    ("ansible_become: true", Become()),
    ("ansible_become: 'yes'", Become()),
    ("ansible_become: false", None),
    ("ansible_become: yes\nansible_become_method: ansible.builtin.su", Become("su")),
    ("ansible_become: yes\nansible_become_method: doas\nansible_become_user: ml", Become("doas", "ml")),
    ("ansible_become: yes\nansible_become_exe: /opt/sudo", Become(program="/opt/sudo")),
    ("ansible_become: yes\nansible_sudo_exe: a\nansible_become_exe: b", Become(program="a")),
    # Who types the password, and how, is not for the flags to say.
    ("ansible_become: yes\nansible_become_flags: -H -S -n", Become(options=("-H",))),
    ("ansible_become: yes\nansible_su_user: x\nansible_sudo_user: y", Become(user="y")),
    # Whoever is that user already has nobody to become.
    ("ansible_become: yes\nansible_user: root", None),
    ("ansible_become: yes\nansible_connection: local\nansible_become_user: " + getpass.getuser(), None),
]


@pytest.mark.parametrize(("variables", "expected"), BECOME)
def test_who_acts_on_the_host(tmp_path: Path, variables: str, expected: Become | None) -> None:
    assert route(tmp_path, variables).become == expected


def test_the_inventory_outranks_what_the_command_line_says_of_all_hosts(tmp_path: Path) -> None:
    asked = Asked(
        become=True, become_method="su", become_user="a", user="b", key_file="c", credentials=Credentials("d", "e")
    )
    found = reached(tmp_path, "ansible_host: x", asked)
    assert found.route == Route("ssh", address="x", user="b", key_file=f"{os.getcwd()}/c", become=Become("su", "a"))
    assert found.credentials == Credentials("d", "e")
    named = """
        ansible_user: own
        ansible_become: false
        ansible_private_key_file: /k
        ansible_password: p
    """
    found = reached(tmp_path, named, asked)
    assert (found.route.user, found.route.key_file, found.route.become) == ("own", "/k", None)
    assert found.credentials.password == "p"


def test_extra_variables_outrank_the_inventory(tmp_path: Path) -> None:
    found = reached(tmp_path, "ansible_port: 1", extra={"ansible_port": "2", "ansible_become": "true"})
    assert (found.route.port, found.route.become) == (2, Become())


@pytest.mark.parametrize(
    ("variables", "password", "become_password", "passphrase"),
    [
        ("ansible_password: a", "a", None, None),
        ("ansible_ssh_pass: a\nansible_password: b", "a", None, None),
        ("ansible_password: 12345", "12345", None, None),
        ("ansible_password: '{{ word }}'\nword: '  kept as it is '", "  kept as it is ", None, None),
        ("ansible_become: yes\nansible_become_pass: b", None, "b", None),
        ("ansible_become: yes\nansible_become_password: b\nansible_sudo_pass: c", None, "c", None),
        ("ansible_become: yes\nansible_become_method: su\nansible_sudo_pass: c", None, None, None),
        ("ansible_ssh_private_key_passphrase: d", None, None, "d"),
    ],
)
def test_secrets_are_credentials_and_in_no_route(
    tmp_path: Path, variables: str, password: str | None, become_password: str | None, passphrase: str | None
) -> None:
    found = reached(tmp_path, variables)
    assert found.credentials == Credentials(password, become_password, passphrase)
    for secret in filter(None, (password, become_password, passphrase)):
        assert secret not in repr(found).replace("passphrase", "").replace("become", "") or len(secret) == 1
    assert "password=" not in repr(found.credentials)


def test_a_route_survives_its_record(tmp_path: Path) -> None:
    found = route(
        tmp_path,
        "ansible_become: yes\nansible_become_flags: -H\nansible_ssh_common_args: -J bastion\nansible_port: 2222",
    )
    assert Route.from_dict(found.as_dict()) == found


WRONG: list[tuple[str, list[str]]] = [
    (
        "ansible_connection: shh",
        ["i.yml:4:27: 'ansible_connection': the connection 'shh' is not available. Did you mean 'ssh'?"],
    ),
    (
        "ansible_connection: winrm",
        [
            "i.yml:4:27: 'ansible_connection': the connection 'winrm' is not available. "
            "There are ssh, openssh, docker, podman and local."
        ],
    ),
    ("ansible_port: ssh", ["i.yml:4:21: 'ansible_port' takes a port from 1 to 65535, not 'ssh'"]),
    ("ansible_port: 70000", ["i.yml:4:21: 'ansible_port' takes a port from 1 to 65535, not '70000'"]),
    ("ansible_host: [a]", ["i.yml:4:21: 'ansible_host' takes text, not a list"]),
    ("ansible_user: true", ["i.yml:4:21: 'ansible_user' takes text, not true"]),
    ("ansible_become: maybe", ["i.yml:4:23: 'ansible_become' takes true or false, not the text 'maybe'"]),
    ("ansible_timeout: soon", ["i.yml:4:24: 'ansible_timeout' takes a number of seconds, not 'soon'"]),
    (
        "ansible_python_interpreter: python3 -E",
        ["i.yml:4:35: 'ansible_python_interpreter' takes the path or the name of one program"],
    ),
    (
        "ansible_become: yes\nansible_become_method: suod",
        ["i.yml:5:30: 'ansible_become_method': there is no way to become by 'suod'. Did you mean 'sudo'?"],
    ),
    (
        'ansible_become: yes\nansible_become_flags: "-p \'x"',
        ["i.yml:5:29: 'ansible_become_flags' has a quote without its other half"],
    ),
    (
        "ansible_ssh_common_args: -o ProxyJmp=x",
        [
            "i.yml:4:32: 'ansible_ssh_common_args': the option '-o ProxyJmp' of ssh is not carried out here. "
            "Did you mean 'ProxyJump'?"
        ],
    ),
    (
        "ansible_ssh_common_args: -L 80:x:80 -tt bastion -o",
        [
            "i.yml:4:32: 'ansible_ssh_common_args': '-o' has no value",
            "i.yml:4:32: 'ansible_ssh_common_args': '-t' of ssh is not for a connection that runs one program. "
            "Leave it out.",
            "i.yml:4:32: 'ansible_ssh_common_args': 'bastion' is no option of ssh. "
            "Options begin with '-'; quote what belongs together.",
            f"i.yml:4:32: 'ansible_ssh_common_args': the option '-L' of ssh is not carried out here. {OUTSIDE}",
        ],
    ),
    ("ansible_ssh_common_args: -p x", ["i.yml:4:32: 'ansible_ssh_common_args': 'x' is no port"]),
    (
        "ansible_ssh_common_args: -i a -i b",
        [
            "i.yml:4:32: 'ansible_ssh_common_args': there is more than one key. "
            "Name one here, and further ones in ~/.ssh/config."
        ],
    ),
    (
        "ansible_port: a\nansible_user: []",
        [
            "i.yml:4:21: 'ansible_port' takes a port from 1 to 65535, not 'a'",
            "i.yml:5:21: 'ansible_user' takes text, not a list",
        ],
    ),
]


@pytest.mark.parametrize(("variables", "expected"), WRONG)
def test_a_value_that_is_none_is_a_mistake_at_its_place(tmp_path: Path, variables: str, expected: list[str]) -> None:
    assert problems(tmp_path, variables) == expected


def test_a_secret_of_the_wrong_type_is_not_repeated(tmp_path: Path) -> None:
    assert problems(tmp_path, "ansible_password: [zebra]") == ["i.yml:4:25: 'ansible_password' takes text"]


def test_a_mistake_of_the_command_line_is_said_to_be_there(tmp_path: Path) -> None:
    said = problems(tmp_path, "ansible_port: 1", extra={"ansible_port": "x"})
    assert said == ["-e: 'ansible_port' takes a port from 1 to 65535, not 'x'"]
