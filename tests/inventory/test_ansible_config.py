"""ansible.cfg: found where Ansible finds it, read as Ansible reads it, and what is not followed is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.authored.problems import BadInput
from autoglm_fix.connect.route import Become
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory.ansible_config import AnsibleConfig, ansible_config
from autoglm_fix.inventory.routes import Asked, reach

PROGRAM = Path(sys.executable).with_name("ansible-config")
FLEET = """\
# what a fleet's folder has
[defaults]
inventory = hosts.ini
remote_user = ubuntu
Private_Key_File = keys/id
host_key_checking = False
timeout : 33
forks = 20
remote_port = 2222
interpreter_python = /usr/bin/python3.11
vault_password_file = .vault
stdout_callback = yaml
[privilege_escalation]
become = yes
become_method = su
become_user = ops
become_ask_pass = True
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s
ssh_common_args = "-o ProxyJump=gate"   ; through the gate
ssh_extra_args = -o Compression=yes
"""
# What the real one calls them, and whether that is a setting of its ssh connection.
NAMES = {
    "user": "DEFAULT_REMOTE_USER",
    "key_file": "DEFAULT_PRIVATE_KEY_FILE",
    "become": "DEFAULT_BECOME",
    "become_method": "DEFAULT_BECOME_METHOD",
    "become_user": "DEFAULT_BECOME_USER",
    "ansible_port": "DEFAULT_REMOTE_PORT",
    "ansible_timeout": "DEFAULT_TIMEOUT",
    "ansible_python_interpreter": "INTERPRETER_PYTHON",
    "ANSIBLE_VAULT_PASSWORD_FILE": "DEFAULT_VAULT_PASSWORD_FILE",
}
OF_SSH = {f"ansible_{name}": name for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")}

needs_ansible = pytest.mark.skipif(not PROGRAM.exists(), reason="ansible-core is not installed")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, a home beside it, and an environment that says nothing of Ansible."""
    for name in [each for each in os.environ if each.startswith("ANSIBLE_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    (tmp_path / "fleet").mkdir(mode=0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "fleet")
    return tmp_path / "fleet"


def real(kind: str) -> Any:
    """What the real one makes of the same files and environment."""
    done = subprocess.run([PROGRAM, "dump", "--format", "json", "-t", kind], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def set_by_somebody(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["name"]: row["value"] for row in rows if row.get("origin") not in (None, "default")}


def flat(config: AnsibleConfig) -> dict[str, Any]:
    """All that is followed, by our names, without what nobody said."""
    own = {name: getattr(config, name) for name in ("user", "key_file", "become", "become_method", "become_user")}
    scalars = {name: getattr(written, "value", written) for name, written in config.variables.items()}
    return {name: value for name, value in {**own, **scalars, **config.vault}.items() if value}


@needs_ansible
@pytest.mark.parametrize(
    ("text", "environment"),
    [
        (FLEET, {}),
        (FLEET, {"ANSIBLE_REMOTE_USER": "admin", "ANSIBLE_BECOME": "false", "ANSIBLE_SSH_ARGS": "-C"}),
        ("[defaults]\nremote_user = 'ops'\nprivate_key_file = ~/.ssh/fleet\n", {}),
        ("[defaults]\nvault_password_file = {{CWD}}/v\nremote_user =\n[ssh_connection]\ntimeout = 7\n", {}),
    ],
    ids=["a fleet's", "with an environment", "quotes and a home", "this folder, and nothing"],
)
def test_settings_are_those_that_ansible_has(
    text: str, environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ansible.cfg").write_text(text)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    base = set_by_somebody(real("base"))
    (ssh,) = (rows for each in real("connection") for plugin, rows in each.items() if plugin == "ssh")
    ours = flat(ansible_config())
    expected = {name: base[theirs] for name, theirs in NAMES.items() if base.get(theirs)}
    expected |= {
        name: found[theirs] for found in [set_by_somebody(ssh)] for name, theirs in OF_SSH.items() if theirs in found
    }
    ours.pop("ansible_ssh_timeout", None)
    assert {name: str(value) for name, value in ours.items()} == {name: str(value) for name, value in expected.items()}


@needs_ansible
@pytest.mark.parametrize("how", ["folder", "home", "named", "named-folder", "named-nowhere", "open-to-all", "none"])
def test_the_file_is_the_one_that_ansible_takes(how: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"folder": folder / "ansible.cfg", "home": folder.parent / "home/.ansible.cfg"}
    for name, path in places.items() if how != "none" else ():
        if how != "home" or name == "home":
            path.write_text(f"[defaults]\nremote_user = of-{name}\n")
    if how.startswith("named"):
        (folder / "other").mkdir()
        (folder / "other/ansible.cfg").write_text("[defaults]\nremote_user = of-another\n")
        named = {"named": "other/ansible.cfg", "named-folder": "other", "named-nowhere": "nowhere.cfg"}
        monkeypatch.setenv("ANSIBLE_CONFIG", named[how])
    folder.chmod(0o777 if how == "open-to-all" else 0o755)
    config = ansible_config()
    assert config.user == (set_by_somebody(real("base")).get("DEFAULT_REMOTE_USER") or "")
    said = [str(problem) for problem in config.said((), hosts=False)]
    hint = "Name it with ANSIBLE_CONFIG=ansible.cfg, or take that right away: chmod o-w ."
    assert said == ([f"ansible.cfg: not read: everybody may write to this folder. {hint}"] if "open" in how else [])


def test_what_is_not_followed_is_named_with_what_to_say_instead(folder: Path) -> None:
    (folder / "ansible.cfg").write_text(FLEET)
    config = ansible_config()
    keys = "Host keys are checked all the same: --accept-new-host-keys takes those of hosts never seen before, as"
    keys += " 'ansible_host_key_checking: false' in the inventory does."
    assert [str(problem) for problem in config.said((), hosts=True)] == [
        "ansible.cfg:3:1: 'inventory' is not followed. Name it with -i hosts.ini.",
        f"ansible.cfg:6:1: 'host_key_checking' is not followed. {keys}",
        "ansible.cfg:8:1: 'forks' is not followed. Say how many hosts at a time with -f 20.",
        "ansible.cfg:17:1: 'become_ask_pass' is not followed. Say -K.",
    ]
    given = {"inventories", "accept_new_host_keys", "forks", "ask_become_pass"}
    assert config.said(given, hosts=True) == []
    assert [problem.line for problem in config.said((), hosts=False)] == [3]


def test_what_is_done_here_anyway_and_what_is_ansibles_own_needs_no_word(folder: Path) -> None:
    (folder / "ansible.cfg").write_text(
        "[defaults]\nhost_key_checking = True\nhash_behaviour = replace\ngathering = smart\ntransport = ssh\n"
        "[ssh_connection]\npipelining = True\ncontrol_path = /tmp/x\n[galaxy]\nserver_list = a\n"
    )
    assert ansible_config() == AnsibleConfig()


def test_a_password_is_named_and_not_shown(folder: Path) -> None:
    (folder / "ansible.cfg").write_text("[sudo_become_plugin]\npassword = geheim\n")
    (said,) = ansible_config().said((), hosts=True)
    assert "geheim" not in str(said)
    assert str(said).endswith("Give it with -K or --become-password-file.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("remote_user = x\n", "ansible.cfg:1:1: this is no line of an ansible.cfg"),
        ("[defaults]\n= 1\n", "ansible.cfg:2:1: this is no line of an ansible.cfg"),
        ("[privilege_escalation]\n become = perhaps\n", "ansible.cfg:2:2: 'become' takes true or false, not 'perhaps'"),
        (
            "[defaults]\nremote_user = {{ me }}\n",
            "ansible.cfg:2:1: 'remote_user' has a template in it, which nothing fills in here",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_at_its_place(text: str, expected: str, folder: Path) -> None:
    (folder / "ansible.cfg").write_text(text)
    with pytest.raises(BadInput) as refused:
        ansible_config()
    assert [str(problem) for problem in refused.value.problems] == [expected]


def test_all_that_an_inventory_says_ranks_above_it(folder: Path) -> None:
    (folder / "ansible.cfg").write_text(FLEET)
    (folder / "hosts.ini").write_text(
        "gpu01\ngpu02 ansible_port=22 ansible_user=root ansible_ssh_timeout=5 ansible_become=false "
        "ansible_ssh_common_args='-o ProxyJump=none' ansible_private_key_file=/k\n"
    )
    inventory, config = load_inventory(["hosts.ini"]), ansible_config()
    asked = Asked(
        become=config.become,
        become_method=config.become_method,
        become_user=config.become_user,
        user=config.user,
        key_file=config.key_file,
        variables=config.variables,
    )
    one, two = (reach(host, inventory, {}, asked).route for host in inventory.hosts.values())
    assert (one.user, one.port, one.timeout_s, one.key_file) == ("ubuntu", 2222, 33.0, f"{folder}/keys/id")
    assert (one.python, one.become) == ("/usr/bin/python3.11", Become("su", "ops"))
    assert one.options == {"proxyjump": "gate", "compression": "yes"}
    assert (two.user, two.port, two.timeout_s, two.key_file, two.become) == ("root", 22, 5.0, "/k", None)
    assert two.options == {"proxyjump": "none", "compression": "yes"}


def test_what_is_wrong_in_it_is_said_at_its_line(folder: Path) -> None:
    (folder / "ansible.cfg").write_text("[ssh_connection]\nssh_common_args = -o Frobnicate=yes\n")
    (folder / "hosts.ini").write_text("gpu01\n")
    inventory = load_inventory(["hosts.ini"])
    with pytest.raises(BadInput) as refused:
        reach(inventory.hosts["gpu01"], inventory, {}, Asked(variables=ansible_config().variables))
    assert str(refused.value).startswith("ansible.cfg:2:1: 'ansible_ssh_common_args': ")
