"""Runs that end before their time, or whose output nobody reads: nothing is left half done or forgotten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import shards

from .command import autoglm_fix, inventory
from .test_repair import tree, truncate

SECOND, THIRD = shards.shard_name(2), shards.shard_name(3)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return shards.model(tmp_path / "mirror" / "name")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    model = shards.model(tmp_path / "models" / "name")
    truncate(model / SECOND)
    return model


@pytest.fixture
def slow(tmp_path: Path, good: Path) -> Path:
    """A playbook whose fetch takes half a minute."""
    fetch = f"{{fetch_weights: {{from: {json.dumps(str(good))}, limit: 10KB/s}}}}"
    playbook = tmp_path / "slow.yml"
    playbook.write_text(
        f"- name: p\n  hosts: all\n  steps:\n    - name: s\n      diagnose: weights\n      fix: {fetch}\n"
    )
    return playbook


def repair(hosts: Path, good: Path, *more: str) -> list[str | Path]:
    return ["run", "no-output", "-i", hosts, "-t", "weights", "--no-verify", "-e", f"weights_source={good}", *more]


def cut_off(playbook: Path, hosts: Path, model: Path, by: signal.Signals) -> tuple[int, str]:
    """Start a run, end it in the middle of its fetch, and wait until nothing of it works any more."""
    process = subprocess.Popen(
        [sys.executable, "-m", "autoglm_fix", "run", playbook, "-i", hosts],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(model.glob(".*part*")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(by)
    out, _ = process.communicate(timeout=120)  # its end says that the agent has closed its stderr too
    return process.returncode, out


def test_a_killed_run_is_put_back_by_the_next_which_repairs(
    tmp_path: Path, good: Path, broken: Path, slow: Path
) -> None:
    hosts, before = inventory(tmp_path, broken), tree(broken)
    assert cut_off(slow, hosts, broken, signal.SIGKILL)[0] == -signal.SIGKILL
    done = autoglm_fix(*repair(hosts, good, "-v"))
    assert done.code == 0, done.out
    assert f"put back what an earlier run was cut off in: {broken / SECOND}" in done.out
    assert (broken / SECOND).read_bytes() == (good / SECOND).read_bytes()
    assert not list(broken.glob(".*"))
    assert autoglm_fix("undo", "--yes").code == 0
    assert tree(broken) == before


def test_undo_of_a_killed_run_puts_back_what_was_cut_off_and_then_the_run_before_it(
    tmp_path: Path, good: Path, broken: Path, slow: Path
) -> None:
    hosts, first = inventory(tmp_path, broken), tree(broken)
    autoglm_fix(*repair(hosts, good))
    truncate(broken / THIRD)
    before = tree(broken)
    cut_off(slow, hosts, broken, signal.SIGKILL)
    assert "would put back" in autoglm_fix("undo", "--dry-run").out
    assert autoglm_fix("undo", "--yes").code == 0
    assert tree(broken) == before
    assert autoglm_fix("undo", "--yes").code == 0
    assert {name for name, seen in tree(broken).items() if seen != first[name]} == {THIRD}
    assert "No run made from here changed anything" in autoglm_fix("undo").err


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_run_that_is_told_to_end_ends_as_by_ctrl_c(
    tmp_path: Path, broken: Path, slow: Path, by: signal.Signals
) -> None:
    hosts, before = inventory(tmp_path, broken), tree(broken)
    code, out = cut_off(slow, hosts, broken, by)
    assert (code, "interrupted" in out) == (130, True), out
    assert tree(broken) == before


@pytest.mark.parametrize("format_", ["text", "json", "jsonl"])
def test_a_repair_goes_on_when_nobody_reads_its_output(tmp_path: Path, good: Path, broken: Path, format_: str) -> None:
    command = [sys.executable, "-m", "autoglm_fix", *repair(inventory(tmp_path, broken), good, "--format", format_)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (broken / SECOND).read_bytes() == (good / SECOND).read_bytes()
    assert "clean" in autoglm_fix("history").out


def test_a_run_without_any_of_the_three_streams_works(tmp_path: Path, good: Path, broken: Path) -> None:
    command = [sys.executable, "-m", "autoglm_fix", *map(str, repair(inventory(tmp_path, broken), good))]
    closed = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command])
    assert closed.returncode == 0
    assert (broken / SECOND).read_bytes() == (good / SECOND).read_bytes()
