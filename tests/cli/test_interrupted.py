"""Ctrl-C in front of a fleet that hangs: a report and the prompt back, never a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PLAYBOOK = "- {name: p, hosts: all, steps: [{name: s, diagnose: weights}]}\n"


@pytest.fixture
def fleet(tmp_path: Path) -> list[str]:
    """Sixty hosts that take every word and never say one."""
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\nexec cat > /dev/null\n")
    mute.chmod(0o755)
    host = {"ansible_connection": "local", "ansible_python_interpreter": str(mute), "service": {"model": "/no/model"}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {f"gpu{n:02d}": host for n in range(60)}}}))
    return [sys.executable, "-m", "autoglm_fix", "run", str(tmp_path / "play.yml"), "-i", str(tmp_path / "hosts.yml")]


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_run_on_hosts_that_never_answer(fleet: list[str], times: int) -> None:
    process = subprocess.Popen(
        [*fleet, "--format", "json"],
        env={**os.environ, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(_mutes(process.pid)) < 50:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    out, err = process.communicate(timeout=120)
    document = json.loads(out)
    assert (process.returncode, document["exit_code"], "Traceback" in err) == (130, 130, False), err
    assert document["counts"] == {"interrupted": 50, "untouched": 10}


def _mutes(parent: int) -> list[Path]:
    """The children of all threads of a process."""
    found: list[Path] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(OSError):  # that thread has ended
            found += [Path(f"/proc/{child}") for child in (task / "children").read_text().split()]
    return found
