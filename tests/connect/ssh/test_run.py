"""Whole runs over SSH on a real host: what is written there, and what becomes of a change whose connection is lost."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import shards
from tests.cli.command import Said, autoglm_fix
from tests.connect.ssh.faults import Proxy, proxy
from tests.connect.ssh.lab import PYTHON, known
from tests.hosts import Host, boot

STATE = "/var/tmp/autoglm-fix"
MODEL = "/srv/models/name"
SECOND = shards.shard_name(2)
# A host that says nothing is given up after two seconds.
IMPATIENT = "-o ServerAliveInterval=1 -o ServerAliveCountMax=2"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model, which hosts and this machine see under the same path."""
    return shards.model(tmp_path_factory.mktemp("mirror") / "name")


@pytest.fixture
def host(tmp_path: Path, mirror: Path) -> Iterator[Host]:
    """A host whose model has one shard cut off."""
    with broken(tmp_path / "gpu01", mirror) as host:
        yield host


@contextlib.contextmanager
def broken(folder: Path, mirror: Path) -> Iterator[Host]:
    with boot(folder, systemd=False, share=[mirror.parent]) as host:
        host.write("/root/.bashrc", "")
        host.run("mkdir", "-p", "/srv/models")
        host.run("cp", "-r", mirror, MODEL)
        host.run("truncate", "-s", "100", f"{MODEL}/{SECOND}")
        yield host


@pytest.fixture
def between(host: Host) -> Iterator[Proxy]:
    with proxy(host.address, 22) as between:
        yield between


def inventory(folder: Path, host: Host, port: int | None = None, more: str = "") -> Path:
    """An inventory with that host; ``port`` is one of this machine, with a proxy behind it."""
    variables = {
        "ansible_host": host.address if port is None else "127.0.0.1",
        "ansible_port": port or 22,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.key),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={known(folder, host)} -o HostKeyAlias=gpu01 {more}",
        "ansible_python_interpreter": PYTHON,
        "autoglm_fix_state_dir": STATE,
        "service": {"name": "model", "python": PYTHON, "model": MODEL},
    }
    file = folder / "inventory.json"
    file.write_text(json.dumps({"all": {"hosts": {"gpu01": variables}}}))
    return file.rename(file.with_suffix(".yml"))


def repair(hosts: Path, mirror: Path, *more: str) -> Said:
    source = f"weights_source={mirror}"
    return autoglm_fix("run", "no-output", "-i", hosts, "-t", "weights", "--no-verify", "-e", source, *more)


def test_a_dry_run_writes_nothing_on_the_host(tmp_path: Path, host: Host, mirror: Path) -> None:
    before = host.written()
    found = repair(inventory(tmp_path, host), mirror, "--dry-run")
    assert (found.code, "weights.shard-truncated" in found.out) == (0, True), found.out + found.err
    assert host.written() == before


def test_a_model_is_repaired_once_and_undone_to_the_byte(tmp_path: Path, host: Host, mirror: Path) -> None:
    hosts, before = inventory(tmp_path, host), host.written()
    first = repair(hosts, mirror)
    assert first.code == 0, first.out + first.err
    assert (host.upper / MODEL[1:] / SECOND).read_bytes() == (mirror / SECOND).read_bytes()
    after = host.written()
    second = repair(hosts, mirror)
    assert (second.code, "Nothing was changed." in second.out) == (0, True)
    assert host.written() == after
    undone = autoglm_fix("undo", "--yes")
    assert undone.code == 0, undone.out + undone.err
    assert {path: mark for path, mark in host.written().items() if not path.startswith(STATE)} == before


def cut_in_mid_change(
    folder: Path, hosts: Path, mirror: Path, upper: Path, fault: Callable[[], None]
) -> dict[str, object]:
    """A run whose fetch takes half a minute, and to which something happens meanwhile. Its result for the host."""
    fetch = f"{{fetch_weights: {{from: {json.dumps(str(mirror))}, limit: 10KB/s}}}}"
    playbook = folder / "slow.yml"
    playbook.write_text(
        f"- name: p\n  hosts: all\n  steps:\n    - name: s\n      diagnose: weights\n      fix: {fetch}\n"
    )
    command = [sys.executable, "-m", "autoglm_fix", "run", str(playbook), "-i", str(hosts), "--format", "json"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not list((upper / MODEL[1:]).glob(".*part*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        fault()
        out, _ = process.communicate(timeout=30)
    found: dict[str, object] = json.loads(out)["hosts"]["gpu01"]
    return {**found, "code": process.returncode}


@pytest.mark.parametrize("how", ["frozen", "stopped", "cut"])
@pytest.mark.slow
def test_a_change_whose_connection_is_lost_is_ambiguous_and_put_back_by_the_next_run(
    tmp_path: Path, host: Host, mirror: Path, between: Proxy, how: str
) -> None:
    def freeze() -> None:
        if how == "frozen":
            between.frozen.set()
        elif how == "cut":
            between.cut.set()
        else:
            host.run("pkill", "-STOP", "-f", "^sshd: root@notty")

    hosts = inventory(tmp_path, host, between.port, IMPATIENT)
    found = cut_in_mid_change(tmp_path, hosts, mirror, host.upper, freeze)
    assert (found["status"], found["code"]) == ("ambiguous", 2), found
    assert found["error"]
    # What the host has of the connection ends, too; until then the agent there works on.
    between.cut.set()
    if how == "stopped":
        host.run("pkill", "-KILL", "-f", "^sshd: root@notty")
    host.run("sh", "-c", "while pgrep -f '[-]I -B -X utf8'; do sleep 0.05; done")
    assert (host.upper / MODEL[1:] / SECOND).stat().st_size == 100
    again = repair(inventory(tmp_path, host), mirror, "-v")
    assert again.code == 0, again.out + again.err
    assert f"put back what an earlier run was cut off in: {MODEL}/{SECOND}" in again.out
    assert (host.upper / MODEL[1:] / SECOND).read_bytes() == (mirror / SECOND).read_bytes()


@pytest.mark.slow
def test_a_host_that_dies_in_mid_change_is_ambiguous(tmp_path: Path, mirror: Path) -> None:
    with contextlib.ExitStack() as alive:
        host = alive.enter_context(broken(tmp_path / "gpu01", mirror))
        hosts = inventory(tmp_path, host, more=IMPATIENT)
        found = cut_in_mid_change(tmp_path, hosts, mirror, host.upper, alive.close)
    assert (found["status"], found["code"]) == ("ambiguous", 2), found


def test_a_connection_lost_while_looking_is_unreachable(tmp_path: Path, host: Host, mirror: Path) -> None:
    with proxy(host.address, 22) as between:
        between.cut_after = 3200
        found = repair(inventory(tmp_path, host, between.port), mirror, "--format", "json")
    assert found.document["hosts"]["gpu01"]["status"] == "unreachable"
    assert found.code == 3
