"""Options that say how hosts are reached: what is refused before any host is contacted, and what is only said."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from autoglm_fix.records import Records
from tests.inventory.vaults import sealed, value

from .command import autoglm_fix, inventory
from .test_terminal import Terminal


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    return inventory(tmp_path, tmp_path / "no model")


@pytest.mark.parametrize(
    ("command", "option", "what", "instead"),
    [
        (["run", "no-output", "--dry-run"], "-K", "BECOME", "--become-password-file"),
        (["verify"], "-k", "SSH", "--connection-password-file"),
        (["discover"], "-J", "Vault", "--vault-password-file"),
    ],
)
def test_nobody_is_asked_without_a_terminal(
    hosts: Path, command: list[str], option: str, what: str, instead: str
) -> None:
    said = autoglm_fix(*command, "-i", hosts, option)
    assert (said.code, said.out) == (4, "")
    told = f"autoglm-fix: the {what} password is typed on a terminal, and there is none: use {instead} FILE."
    assert said.err.startswith(told)


def test_nobody_is_asked_where_no_host_is_contacted(hosts: Path) -> None:
    assert autoglm_fix("run", "no-output", "-i", hosts, "--list-hosts", "-K", "-k").code == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["-K", "--become-password-file", "x"], "--ask-become-pass and --become-password-file say two things"),
        (["-k", "--connection-password-file", "x"], "--ask-pass and --connection-password-file say two things"),
        (["--become-method", "pbrun"], "'pbrun' is not one of"),
        (
            ["--become-password-file", "/nowhere"],
            "--become-password-file: the password file /nowhere cannot be read: No such file or directory",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(hosts: Path, given: list[str], message: str) -> None:
    said = autoglm_fix("run", "no-output", "-i", hosts, "--dry-run", *given)
    assert (said.code, said.out) == (4, "")
    assert message in said.err


def test_a_password_that_cannot_be_read_is_a_document_too(hosts: Path) -> None:
    given = ("--become-password-file", "/nowhere", "--format", "json")
    said = autoglm_fix("run", "no-output", "-i", hosts, "--dry-run", *given)
    assert (said.code, said.document["errors"][0]["file"]) == (4, "--become-password-file")


def test_what_has_no_effect_is_said_once_and_beside_the_document(tmp_path: Path) -> None:
    service = {"python": sys.executable, "model": str(tmp_path / "none")}
    local = {"ansible_connection": "local", "service": service}
    variables = {"ansible_pipelining": True, "ansible_prot": 22, "ansible_distribution": "Debian"}
    path = tmp_path / "i.yml"
    path.write_text(json.dumps({"all": {"vars": {**local, **variables}, "hosts": {"a": None, "b": None}}}))
    said = autoglm_fix("run", "no-output", "-i", path, "--dry-run", "-t", "weights", "--format", "json")
    assert said.document["hosts"].keys() == {"a", "b"}
    warnings = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert [line.partition(" '")[2].partition("'")[0] for line in warnings] == ["ansible_pipelining", "ansible_prot"]
    assert "Did you mean 'ansible_port'?" in warnings[1]


def test_plays_of_one_host_agree_on_who_acts_there(tmp_path: Path, hosts: Path) -> None:
    play = tmp_path / "p.yml"
    play.write_text(
        "- {name: a, hosts: all, become: true, steps: [{diagnose: weights}]}\n"
        "- {name: b, hosts: all, become: false, steps: [{diagnose: weights}]}\n"
    )
    said = autoglm_fix("run", play, "-i", hosts, "--dry-run")
    assert said.code == 4
    assert f"{play}:2:25: the play before says something else of who acts on its hosts" in said.err


def test_a_secret_in_a_mistake_is_hidden(tmp_path: Path, hosts: Path) -> None:
    path = tmp_path / "i.yml"
    path.write_text(f"all:\n  vars:\n    ansible_port: {value('zebra-port')}  hosts: {{gpu01: }}\n")
    (tmp_path / "password").write_text("open sesame")
    asked = ("--vault-password-file", tmp_path / "password", "-e", '{"service": {"name": "glm"}}')
    said = autoglm_fix("run", "no-output", "-i", path, "--dry-run", *asked)
    assert said.code == 4
    assert "'ansible_port' takes a port from 1 to 65535, not '***'" in said.err
    assert "zebra" not in said.err
    (tmp_path / "sealed.yml").write_text(sealed("prompt: [zebra-words]\nmax_new_tokens: zebra-number\n"))
    said = autoglm_fix("run", "no-output", "-i", hosts, "--dry-run", *asked, "-e", f"@{tmp_path}/sealed.yml")
    assert (said.code, "'max_new_tokens'" in said.err) == (4, True), said.err
    assert "zebra" not in said.err


def test_what_was_encrypted_is_hidden_in_what_is_said_and_kept(tmp_path: Path, hosts: Path) -> None:
    (tmp_path / "password").write_text("open sesame")
    (tmp_path / "file.yml").write_text(sealed("weights_source: /zebra/file\n"))
    (tmp_path / "value.yml").write_text(f"place: {value('/zebra/value')}weights_search: ['{{{{ place }}}}']\n")
    given = (
        "--vault-password-file",
        tmp_path / "password",
        "-e",
        f"@{tmp_path}/file.yml",
        "-e",
        f"@{tmp_path}/value.yml",
    )
    said = autoglm_fix(
        "run", "no-output", "-i", hosts, "-t", "weights", "--no-verify", *given, "-vv", "--format", "json"
    )
    assert said.document["exit_code"] == 2
    assert "***" in said.out
    kept = [path.read_text() for path in Path(os.environ["AUTOGLM_FIX_STATE_DIR"]).rglob("*.json")]
    assert kept
    assert not [text for text in (said.out, said.err, *kept) if "zebra" in text]


def test_an_undo_asks_for_the_passwords_that_no_record_keeps() -> None:
    route = {"connection": "ssh", "address": "127.0.0.1", "port": 9, "needs": ["become_password"]}
    records = Records(Path(os.environ["AUTOGLM_FIX_STATE_DIR"]))
    records.start("20261122T110000-ab12", "no-output", {"gpu01": route, "gpu02": route})
    said = autoglm_fix("undo")
    assert (said.code, said.out) == (4, "")
    assert said.err == (
        "2 of its hosts, gpu01 first, were reached with a password, which no record keeps. Give it again: -K for "
        "becoming root, -k for the login, or -i with the inventory that holds it.\n"
    )


@pytest.mark.parametrize("keys", ["\x03", "\x04"], ids=["Ctrl-C", "end of input"])
def test_a_password_that_nobody_types_interrupts_the_run(hosts: Path, keys: str) -> None:
    terminal = Terminal("run", "no-output", "-i", hosts, "--dry-run", "-K")
    terminal.wait_for("BECOME password:")
    terminal.wait_until_it_reads()
    terminal.type(keys)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.screen
