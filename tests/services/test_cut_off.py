"""Runs that end while a service is being started: the host carries it through, and nobody loses sight of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Host

from .lab import (
    BEHAVIOUR,
    NO_ROOM,
    SETTINGS,
    STATE,
    Served,
    asked,
    changes,
    command,
    proof,
    repair,
    result,
    step,
    surroundings,
    undo,
)

pytestmark = pytest.mark.slow

PATIENCE_S = 120
GO_ON = "/run/go-on"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def starting(host: Host, served: Served) -> Served:
    """The service, whose start takes until it is let go on, and a second more."""
    host.run("rm", "-f", GO_ON)
    served.define(f"ExecStartPre=/bin/sh -c 'until [ -e {GO_ON} ]; do sleep 0.1; done; sleep 1'")
    return served


def goes_on(host: Host) -> None:
    host.write(GO_ON, "")


def cut_off(
    host: Host, served: Served, by: signal.Signals, then: Callable[[Host], object] = goes_on
) -> tuple[int, str]:
    """Start a run, and signal it while it starts the service. Its exit code (negative: the signal), and its output."""
    typed = command(*asked("--format", "json"))
    with subprocess.Popen(
        host.command(*typed, env=surroundings()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as entering:
        until(lambda: served.state in ("activating", "deactivating"))
        (run,) = Path(f"/proc/{entering.pid}/task/{entering.pid}/children").read_text().split()
        os.kill(int(run), by)
        then(host)
        out, _ = entering.communicate(timeout=PATIENCE_S)
    return entering.returncode, out


def journal(host: Host) -> list[dict[str, Any]]:
    """What the host's journals hold, oldest first."""
    lines = host.run("sh", "-c", f"cat {STATE}/runs/*/journal.jsonl").stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_a_short_start_is_waited_for_and_the_run_ends_in_order(host: Host, starting: Served) -> None:
    served = starting
    code, out = cut_off(host, served, signal.SIGINT)
    document = json.loads(out)
    assert (code, document["exit_code"]) == (130, 130)
    assert [each["result"] for each in journal(host) if "outcome" in each] == ["made"]
    assert served.state == "active"
    assert undo(host).code == 0
    assert served.state == "inactive"


def test_a_long_start_is_left_to_the_host_which_stays_locked_until_it_is_done(host: Host, starting: Served) -> None:
    served = starting
    code, out = cut_off(host, served, signal.SIGINT, then=lambda _host: None)
    document = json.loads(out)
    (seen,) = (each for each in document["hosts"]["localhost"]["steps"] if each["diagnostic"] == "service")
    assert (code, seen["status"], served.state) == (130, "ambiguous", "activating")
    assert "the host carries it through alone" in seen["error"]["message"]
    good = host.read(SETTINGS)
    host.write(SETTINGS, NO_ROOM)
    locked = repair(host)
    assert (locked.code, result(locked)["status"]) == (2, "failed")
    assert "another repair holds this host" in result(locked)["error"]["message"]
    host.write(SETTINGS, good)
    goes_on(host)
    until(lambda: served.state == "active")
    until(lambda: any("outcome" in each for each in journal(host)))
    assert [each["result"] for each in journal(host) if "outcome" in each] == ["made"]
    again = repair(host)
    assert (again.code, changes(again), proof(again)) == (0, [], "verified")
    assert undo(host).code == 0
    assert served.state == "inactive"


def test_a_killed_run_has_its_start_carried_through_by_the_host(host: Host, starting: Served) -> None:
    served = starting
    code, _ = cut_off(host, served, signal.SIGKILL)
    assert code == -signal.SIGKILL
    until(lambda: any("outcome" in each for each in journal(host)))
    assert [each["result"] for each in journal(host) if "outcome" in each] == ["made"]
    again = repair(host)
    assert (again.code, changes(again), proof(again), served.starts) == (0, [], "verified", 1)
    assert undo(host).code == 0
    assert served.state == "inactive"


def kill_all_of_us(host: Host) -> None:
    """As a machine's memory killer would: every process that came from outside, and none of the service's."""
    for pid in (host.login / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):  # it has ended with another one
            os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("comes_up", [True, False], ids=["it comes up", "it does not"])
def test_where_all_of_us_are_killed_the_next_run_puts_back_only_what_is_half_done(
    host: Host, starting: Served, comes_up: bool
) -> None:
    """A service whose manager has started it meanwhile answers, and is not stopped for the journal's sake."""
    served = starting
    typed = command(*asked("--format", "json"))
    with subprocess.Popen(
        host.command(*typed, env=surroundings()), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as entering:
        until(lambda: served.state == "activating")
        kill_all_of_us(host)
        entering.wait(PATIENCE_S)
    if not comes_up:
        host.run("systemctl", "stop", "autoglm")
    goes_on(host)
    if comes_up:
        pid = served.listening()
    assert not any("outcome" in each for each in journal(host))
    host.write(SETTINGS, NO_ROOM)  # so that there is something to change, and the journal is looked at
    done = repair(host, *(["--even-if-working"] if not comes_up else []))
    assert (done.code, proof(done)) == (0, "verified")
    if comes_up:
        assert (changes(done), served.pid) == ([("generation_config", "write_file", True)], pid)
    outcomes = [each["result"] for each in journal(host) if "outcome" in each]
    assert outcomes[0] == ("made" if comes_up else "reverted")


def test_a_restart_that_was_owed_by_a_killed_run_is_found_by_the_next(host: Host, served: Served) -> None:
    """Killed between the edit and the restart: that it runs with something else is a finding, no memory of the run."""
    host.write(BEHAVIOUR, "empty")
    served.start()
    host.run("rm", BEHAVIOUR)
    time.sleep(1.2)
    served.define("Environment=NEW=1")
    done = repair(host)
    assert (done.code, proof(done), changes(done)) == (0, "verified", [("service", "restart", True)])
    assert step(done, "service")["status"] == "fixed"
    assert result(done)["services"]["autoglm"] == {"status": "verified", "symptom": "empty", "cause": "service.stale"}
