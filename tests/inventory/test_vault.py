"""What ansible-vault encrypted is read: values and whole files, by the right one of several passwords."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoglm_fix.authored.problems import BadInput, Position
from autoglm_fix.authored.variables import Variables, as_written
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.inventory import load_inventory
from autoglm_fix.inventory.passwords import keyring
from autoglm_fix.inventory.sealed import plain_passwords, sealed_texts
from autoglm_fix.playbook import load_playbook, parse_extra_vars

from .vaults import sealed, value

WAYS = "Give its password with --vault-password-file FILE, --vault-id LABEL@FILE or --ask-vault-pass."
VIEW = "'ansible-vault view' with the same password shows which."
AGAIN = "Encrypt it again, or bring it back from where it is kept."


class Typed:
    """A password that counts how often it is asked for."""

    def __init__(self, password: str, label: str = "default") -> None:
        self.label = label
        self.times = 0
        self._password = password

    def read(self) -> bytes:
        self.times += 1
        return self._password.encode()


def keys(*passwords: str) -> Keyring:
    return Keyring([Typed(password) for password in passwords])


def nobody(_what: str) -> str:
    raise AssertionError("a password was asked for")


def opened(text: str, ring: Keyring) -> str:
    return ring.open_value(text, Position("v.yml", 3, 5))


def refused(work: Callable[[], object]) -> list[str]:
    with pytest.raises(BadInput) as caught:
        work()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "text",
    ["x", "a password", "Ключ 密码 🔑", "sixteen bytes 16", "two\nlines\n", "{{ not_a_template }}", "a" * 10_000],
)
@pytest.mark.parametrize("label", ["", "prod"])
def test_what_ansible_vault_encrypts_is_read(text: str, label: str) -> None:
    assert opened(sealed(text, label=label), keys("open sesame")) == text


def test_what_its_command_line_prints_is_read(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    command = [
        sys.executable,
        "-m",
        "ansible",
        "vault",
        "encrypt_string",
        "--vault-id",
        "dev@password",
        "-n",
        "word",
        "s3",
    ]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "i.yml").write_text("all:\n  vars:\n" + "".join(f"    {line}\n" for line in printed.splitlines()))
    (tmp_path / "i.yml").write_text((tmp_path / "i.yml").read_text() + "  hosts: {gpu01: }\n")
    inventory = load_inventory([str(tmp_path / "i.yml")], keyring(files=[str(tmp_path / "password")], prompt=nobody))
    assert Variables([inventory.hosts["gpu01"].variables]).value("word") == "s3"


def test_a_value_is_opened_when_it_is_asked_for_and_once(tmp_path: Path) -> None:
    (tmp_path / "i.yml").write_text(f"all:\n  vars:\n    a: {value('one')}    b: {value('two')}  hosts: {{x: , y: }}\n")
    password = Typed("open sesame")
    ring = Keyring([password])
    inventory = load_inventory([str(tmp_path / "i.yml")], ring)
    assert (password.times, ring.values) == (0, [])
    for host in inventory.hosts.values():
        variables = Variables([host.variables])
        assert (variables.value("a"), variables.render("plain")) == ("one", "plain")
    assert (password.times, ring.values) == (1, ["one"])


def test_an_encrypted_value_is_text_and_never_a_template(tmp_path: Path) -> None:
    (tmp_path / "i.yml").write_text(f"all:\n  vars:\n    a: {value('{{ b }} 7')}    b: 1\n  hosts: {{x: }}\n")
    inventory = load_inventory([str(tmp_path / "i.yml")], keys("open sesame"))
    assert Variables([inventory.hosts["x"].variables]).value("a") == "{{ b }} 7"


def test_listeners_hear_of_what_was_opened_and_of_what_will_be() -> None:
    ring, heard = keys("open sesame"), list[str]()
    opened(sealed("one"), ring)
    ring.tell(heard.append)
    opened(sealed("two"), ring)
    assert heard == ["one", "two"]


def test_the_password_whose_label_fits_is_tried_first_and_then_the_others() -> None:
    one, two = Typed("a", "dev"), Typed("open sesame", "prod")
    assert opened(sealed("x", label="prod"), Keyring([one, two])) == "x"
    assert (one.times, two.times) == (0, 1)
    assert opened(sealed("x", label="other"), Keyring([one, two])) == "x"


@pytest.mark.parametrize(
    ("payload", "ring", "message"),
    [
        (sealed("zebra"), Keyring(), f"this value is encrypted, and no vault password was given. {WAYS}"),
        (
            sealed("zebra", label="prod"),
            Keyring(),
            f"this value is encrypted (id 'prod'), and no vault password was given. {WAYS}",
        ),
        (
            sealed("zebra"),
            keys("wrong", "also wrong"),
            f"no vault password that was given opens this value, or it was edited or cut short. {VIEW}",
        ),
        (
            sealed("zebra")[:-3],
            keys("open sesame"),
            f"this value was encrypted, and has been cut short or edited since. {AGAIN}",
        ),
        (
            "\n".join(sealed("zebra").splitlines()[:1]),
            keys("open sesame"),
            f"this value was encrypted, and has been cut short or edited since. {AGAIN}",
        ),
        (
            "zebra",
            keys("open sesame"),
            "this value is tagged '!vault', and is not what ansible-vault writes. "
            "It begins with '$ANSIBLE_VAULT;1.1;AES256' on a line of its own.",
        ),
        (
            sealed("zebra").replace("1.1;AES256", "1.0;AES"),
            keys("open sesame"),
            "this value is encrypted in the format '1.0;AES', which is not one of 1.1 and 1.2 with AES256. "
            "'ansible-vault rekey' writes it anew.",
        ),
    ],
)
def test_what_cannot_be_opened_is_one_problem_at_its_place(payload: str, ring: Keyring, message: str) -> None:
    assert refused(lambda: opened(payload, ring)) == [f"v.yml:3:5: {message}"]
    assert "zebra" not in message


def test_encrypted_files_are_read_wherever_variables_stand(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "i.yml").write_text("gpu: {hosts: {gpu01: }}\n")
    (tmp_path / "group_vars" / "gpu.yml").write_text(sealed("of_group: '{{ of_extra }}!'\nansible_user: ops\n"))
    (tmp_path / "extra.yml").write_text(sealed("of_extra: zebra\n"))
    (tmp_path / "more.yml").write_text(sealed("of_file: lion\n"))
    (tmp_path / "p.yml").write_text("- {hosts: all, vars_files: more.yml, steps: [{diagnose: weights}]}\n")
    ring = keys("open sesame")
    host = load_inventory([str(tmp_path / "i.yml")], ring).hosts["gpu01"]
    extra = parse_extra_vars([f"@{tmp_path / 'extra.yml'}"], ring)
    play = load_playbook(tmp_path / "p.yml", keys=ring).plays[0]
    variables = Variables([host.variables, play.vars], over=[extra.values])
    assert (variables.value("of_group"), variables.value("of_file")) == ("zebra!", "lion")
    assert ring.files == {str(tmp_path / name) for name in ("group_vars/gpu.yml", "extra.yml", "more.yml")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("i.yml", "gpu: {hosts: {gpu01: {ansible_host: 10.0.0.1}}}\n"),
        ("i.ini", "[gpu]\ngpu01 ansible_host=10.0.0.1\n"),
        ("hosts", "gpu01 ansible_host=10.0.0.1\n"),
        ("i.json", '{"gpu": {"hosts": {"gpu01": {"ansible_host": "10.0.0.1"}}}}'),
    ],
)
def test_an_encrypted_inventory_is_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(sealed(text))
    inventory = load_inventory([str(tmp_path / name)], keys("open sesame"))
    assert Variables([inventory.hosts["gpu01"].variables]).value("ansible_host") == "10.0.0.1"


def test_an_encrypted_value_of_a_program_is_read(tmp_path: Path) -> None:
    listed = {"gpu": {"hosts": ["gpu01"], "vars": {"word": {"__ansible_vault": sealed("lion")}}}}
    named = program(tmp_path / "hosts.sh", f"cat <<'END'\n{json.dumps(listed)}\nEND")
    inventory = load_inventory([named], keys("open sesame"))
    assert Variables([inventory.hosts["gpu01"].variables]).value("word") == "lion"


def test_what_is_secret_in_an_encrypted_file(tmp_path: Path) -> None:
    variables = {
        "ansible_user": "deploy",
        "ansible_password": "lion-1",
        "words": ["tiger", {"deep": "panther"}],
        "made_of": "{{ words }}",
        "short": "abc",
        "number": 4711,
        "service": {"model": "/models/x"},
    }
    (tmp_path / "extra.yml").write_text(sealed(json.dumps(variables)))
    (tmp_path / "plain.yml").write_text("plain: bear\nansible_become_pass: lion-2\n")
    ring = keys("open sesame")
    layers = [parse_extra_vars([f"@{tmp_path / name}"], ring).values for name in ("extra.yml", "plain.yml")]
    assert sealed_texts(layers, ring.files) == {"lion-1", "tiger", "panther"}
    assert plain_passwords(layers) == {"lion-1", "lion-2"}


def test_a_mistake_in_an_encrypted_file_is_at_its_place_in_the_text(tmp_path: Path) -> None:
    (tmp_path / "i.yml").write_text(sealed("gpu:\n  hots: {gpu01: }\n"))
    (told,) = refused(lambda: load_inventory([str(tmp_path / "i.yml")], keys("open sesame")))
    assert told.startswith(f"{tmp_path}/i.yml:2:3: ")


def test_a_file_that_cannot_be_opened_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "a.yml").write_text(sealed("x: zebra"))
    (tmp_path / "i.yml").write_text("gpu: {hosts: {a: }}\n")
    (told,) = refused(lambda: load_inventory([str(tmp_path / "i.yml")], keys("wrong")))
    message = f"no vault password that was given opens this file, or it was edited or cut short. {VIEW}"
    assert told == f"{tmp_path}/host_vars/a.yml:1:1: {message}"


def test_as_it_stands_a_value_stays_encrypted(tmp_path: Path) -> None:
    (tmp_path / "i.yml").write_text(f"all:\n  vars:\n    a: {value('zebra')}  hosts: {{x: }}\n")
    host = load_inventory([str(tmp_path / "i.yml")]).hosts["x"]
    shown = as_written(host.variables["a"])
    assert isinstance(shown, dict)
    assert str(shown["__ansible_vault"]).startswith("$ANSIBLE_VAULT;1.1;AES256\n")


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_that_prints_a_password_is_run_when_something_is_to_be_opened(tmp_path: Path) -> None:
    named = program(tmp_path / "password.sh", f"echo ran >> {tmp_path}/log; echo open sesame")
    ring = keyring(files=[named], prompt=nobody)
    assert not (tmp_path / "log").exists()
    assert [opened(sealed(text), ring) for text in ("a", "b")] == ["a", "b"]
    assert (tmp_path / "log").read_text() == "ran\n"


def test_a_client_is_told_which_id_is_wanted(tmp_path: Path) -> None:
    named = program(tmp_path / "keys-client.sh", 'test "$*" = "--vault-id prod" && echo open sesame')
    assert opened(sealed("a", label="prod"), keyring([f"prod@{named}"], prompt=nobody)) == "a"


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (None, 0o600, "the password file {path} cannot be read: No such file or directory"),
        ("\n", 0o600, "the password file {path} gives an empty password"),
        ("#!/bin/sh\necho zebra; exit 3\n", 0o755, "the password program {path} failed with exit code 3"),
        ("#!/bin/sh\ntrue\n", 0o755, "the password file {path} gives an empty password"),
        (
            "open sesame",
            0o755,
            "the password program {path} cannot be run: Exec format error. "
            "If it is no program, take away its right to be executed",
        ),
    ],
)
def test_a_password_that_cannot_be_had_is_said(tmp_path: Path, text: str | None, mode: int, message: str) -> None:
    path = tmp_path / "password"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    ring = keyring(files=[str(path)], prompt=nobody)
    assert refused(lambda: opened(sealed("a"), ring)) == [f"--vault-password-file: {message.format(path=path)}"]


def test_passwords_come_in_ansibles_order(tmp_path: Path) -> None:
    asked: list[str] = []

    def prompt(what: str) -> str:
        asked.append(what)
        return "typed"

    named = {"ANSIBLE_VAULT_PASSWORD_FILE": "of_environment", "ANSIBLE_VAULT_IDENTITY_LIST": "list@l"}
    ring = keyring(["prod@prompt", "id@file"], ["file"], ask=True, prompt=prompt, environment=named)
    assert repr(ring._passwords) == (
        "(PasswordFile(path='l', label='list'), TypedPassword(label='prod'), PasswordFile(path='file', label='id'), "
        "PasswordFile(path='file', label='default'), PasswordFile(path='of_environment', label='default'), "
        "TypedPassword(label='default'))"
    )
    assert asked == ["Vault password (prod)", "Vault password"]


def test_a_ring_shows_nothing(tmp_path: Path) -> None:
    ring = keys("open sesame")
    opened(sealed("zebra"), ring)
    assert "sesame" not in repr(ring) and "zebra" not in repr(ring)
