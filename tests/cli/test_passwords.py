"""Hosts that want passwords: from encrypted variables, files and a terminal; in no output and in no record."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import shards
from tests.hosts import Host, boot
from tests.inventory.vaults import sealed, value

from .command import Said, autoglm_fix
from .test_terminal import Terminal

LOGIN, BECOME, VAULT = "zebra-login", "zebra-become", "zebra-vault"
SECRETS = (LOGIN, BECOME, VAULT)
ACCOUNT = """\
useradd -m -s /bin/sh ops
echo "ops:$1" | chpasswd
printf 'Defaults rootpw\\nops ALL=(ALL:ALL) ALL\\n' >/etc/sudoers.d/ops
echo "root:$2" | chpasswd
"""


@dataclass(frozen=True)
class Lab:
    """A host whose only account lets in by one password and becomes root by another, and a model that root owns."""

    host: Host
    folder: Path

    @property
    def shard(self) -> Path:
        return self.folder / "models" / "name" / shards.shard_name(2)

    def inventory(self, **variables: object) -> Path:
        """The host in ``i.yml``; its ``variables`` are YAML, as they are."""
        here = {
            "ansible_host": self.host.address,
            "ansible_user": "ops",
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={self.folder}/known_hosts -o IdentityAgent=none",
            "service": json.dumps({"python": "/usr/bin/python3", "model": str(self.shard.parent)}),
            **variables,
        }
        path = self.folder / "i.yml"
        lines = "".join(f"      {name}: {text}\n" for name, text in here.items())
        path.write_text(f"all:\n  hosts:\n    gpu01:\n{lines}")
        return path

    def run(self, hosts: Path, *more: str | Path) -> list[str | Path]:
        source = self.folder / "mirror" / "name"
        return [
            "run",
            "no-output",
            "-i",
            hosts,
            "-t",
            "weights",
            "--no-verify",
            "-e",
            f"weights_source={source}",
            *more,
        ]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Path]]:
    if shutil.which("sudo") is None:
        pytest.skip("sudo is not installed")
    shared = tmp_path_factory.mktemp("shared")
    shared.chmod(0o755)
    for above in list(shared.parents)[:2]:
        above.chmod(0o755)
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False, share=[shared]) as found:
        found.run("sh", "-ec", ACCOUNT, "sh", LOGIN, BECOME)
        (shared / "known_hosts").write_text(f"{found.address} {found.host_key}\n")
        yield found, shared


@pytest.fixture
def lab(host: tuple[Host, Path]) -> Lab:
    found, shared = host
    shutil.rmtree(shared / "group_vars", ignore_errors=True)
    for name in ("models", "mirror"):
        shutil.rmtree(shared / name, ignore_errors=True)
        shards.model(shared / name / "name")
    lab = Lab(found, shared)
    lab.shard.write_bytes(lab.shard.read_bytes()[:1000])
    return lab


def records() -> Iterator[tuple[str, str]]:
    for path in (Path(os.environ["AUTOGLM_FIX_STATE_DIR"]) / "records").rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            yield str(path), path.read_text()


def shows_none(said: Mapping[str, Said | str]) -> None:
    texts = {name: each if isinstance(each, str) else each.out + each.err for name, each in said.items()}
    for name, text in (*texts.items(), *records()):
        for secret in SECRETS:
            assert secret not in text, name


@pytest.mark.slow
def test_encrypted_passwords_reach_the_host_and_nobody_else(lab: Lab) -> None:
    hosts = lab.inventory(
        ansible_password=value(LOGIN, VAULT),
        ansible_become="true",
        ansible_become_password='"{{ of_root }}"',
    )
    (lab.folder / "group_vars").mkdir(exist_ok=True)
    (lab.folder / "group_vars" / "all.yml").write_text(sealed(f"of_root: {BECOME}\n", VAULT))
    (lab.folder / "vault").write_text(VAULT)
    opening = ("--vault-password-file", lab.folder / "vault")
    said: dict[str, Said | str] = {}
    said["none"] = refused = autoglm_fix(*lab.run(hosts, "--dry-run"))
    assert (refused.code, "no vault password was given" in refused.err) == (4, True)
    report = lab.folder / "report.html"
    said["run"] = done = autoglm_fix(*lab.run(hosts, *opening, "--yes", "-vv", "-D", "--html", report))
    assert done.code == 0, done.out + done.err
    assert lab.shard.stat().st_size > 1000
    said["html"] = report.read_text()
    said["json"] = autoglm_fix(*lab.run(hosts, *opening, "--dry-run", "--format", "json"))
    assert said["json"].document["exit_code"] == 0
    said["list"] = listed = autoglm_fix("inventory", "-i", hosts, "--list")
    assert listed.code == 4
    said["discover"] = autoglm_fix("discover", "-i", hosts, *opening, "--format", "yaml")
    assert lab.host.address in said["discover"].out
    said["undo"] = undone = autoglm_fix("undo", "--yes")
    assert (undone.code, "1 of its hosts, gpu01 first" in undone.err) == (4, True)
    said["undone"] = undone = autoglm_fix("undo", "--yes", "-i", hosts, *opening)
    assert undone.code == 0, undone.out + undone.err
    assert lab.shard.stat().st_size == 1000
    shows_none(said)


@pytest.mark.slow
def test_passwords_are_typed_once_without_an_echo(lab: Lab) -> None:
    terminal = Terminal(*lab.run(lab.inventory(), "-k", "-b", "-K", "--dry-run"))
    terminal.wait_for("SSH password:")
    terminal.type(f"{LOGIN}\n")
    terminal.wait_for("BECOME password (empty: the SSH password):")
    terminal.type(f"{BECOME}\n")
    code = terminal.end()
    assert "weights.shard-truncated" in terminal.screen, terminal.screen
    assert code == 0
    shows_none({"screen": terminal.screen})


@pytest.mark.slow
def test_a_wrong_password_is_not_shown_either(lab: Lab) -> None:
    (lab.folder / "word").write_text(f"{LOGIN}\n")
    (lab.folder / "wrong").write_text("zebra-vault\n")
    given = ("--connection-password-file", lab.folder / "word", "--become-password-file", lab.folder / "wrong", "-b")
    said = autoglm_fix(*lab.run(lab.inventory(), *given, "--dry-run", "--format", "json"))
    assert said.document["hosts"]["gpu01"]["status"] == "failed", said.out
    shows_none({"json": said})
