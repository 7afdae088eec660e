"""Draining around an interruption, and what becomes of it where something goes wrong in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from autoglm_fix.connect import Channel
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine.events import ChangeMade, Event, Progress
from autoglm_fix.engine.results import HostStatus, RunResult, StepStatus
from autoglm_fix.engine.undoing import Undo
from tests.hosts import Host

from .lab import PYTHON, Served
from .several_hosts import STATE, WITH_A_START, carry_out, made, model, target

pytestmark = pytest.mark.slow
SAYS = "/srv/lb"
SCRIPT = """#!/bin/sh
echo "$1 by $(id -un)" >>/srv/lb/said
echo "the balancer said $1"
test ! -e "/srv/lb/no-$1"
"""


@pytest.fixture
def served(host: Host) -> Iterator[Served]:
    """One that answers, whose balancer notes what it was told, with something to mend that needs a start."""
    host.run("mkdir", "-m", "777", "-p", SAYS)
    host.write(f"{SAYS}/ctl", SCRIPT, mode=0o755)
    commands = {"drain": [f"{SAYS}/ctl", "drain"], "undrain": [f"{SAYS}/ctl", "undrain"]}
    service = Served(host, "autoglm", 8210, model(host, "drained"), commands)
    service.define(more="User=nobody")
    service.start()
    yield service
    host.run("rm", "-rf", STATE, SAYS)


def said(host: Host) -> list[str]:
    """What the balancer was told, in order."""
    return host.run("sh", "-c", f"cat {SAYS}/said 2>/dev/null || true").stdout.splitlines()


def run(host: Host, served: Served, **more: Any) -> RunResult:
    return carry_out(target(host, "gpu01", served, steps=[WITH_A_START]), **more)


def undo(host: Host, run_id: str, force: bool = False) -> Any:
    command = tuple(host.command(*argv(PYTHON)))
    hosts = {"gpu01": (lambda: LocalChannel(command), f"{STATE}/gpu01")}
    return Undo(run_id, "20990101T000000-0000", "tests", hosts, lambda _event: None).carry_out(force=force)


def test_it_is_drained_before_and_undrained_once_it_is_proved_and_undo_does_the_same(
    host: Host, served: Served
) -> None:
    told = run(host, served, dry_run=True)
    kinds = [(change.kind, change.diff) for step in told.hosts["gpu01"].steps for change in step.changes]
    assert [kind for kind, _ in kinds] == ["drain", "write_file", "restart", "undrain"]
    assert kinds[0][1] == f"+as nobody: {SAYS}/ctl drain"
    assert said(host) == []

    result = run(host, served)
    assert result.counts == {"verified": 1}
    assert made(result, "gpu01") == ["write_file", "drain", "restart", "undrain"]
    assert said(host) == ["drain by nobody", "undrain by nobody"]

    (undone,) = undo(host, result.run)
    assert undone.ok, undone
    assert said(host)[2:] == ["drain by nobody", "undrain by nobody"]


def test_one_that_cannot_be_drained_is_not_interrupted(host: Host, served: Served) -> None:
    host.write(f"{SAYS}/no-drain", "")
    pid = served.pid
    result = run(host, served)
    (step,) = result.hosts["gpu01"].steps
    assert step.status is StepStatus.UNFIXED
    assert step.error is not None
    assert (step.error.code, step.error.tail) == ("run.drain-failed", ("the balancer said drain",))
    assert served.pid == pid
    assert said(host) == ["drain by nobody", "undrain by nobody"]  # whatever half of it was done
    told = [(change.kind, change.made) for change in step.changes]
    assert told == [("write_file", True), ("drain", False), ("undrain", True), ("restart", False)]


def test_one_that_can_neither_be_drained_nor_undrained_says_so_of_both(host: Host, served: Served) -> None:
    host.write(f"{SAYS}/no-drain", "")
    host.write(f"{SAYS}/no-undrain", "")
    (step,) = run(host, served).hosts["gpu01"].steps
    (undrain,) = (each for each in step.changes if each.kind == "undrain")
    assert not undrain.made
    assert "undraining autoglm" in str(undrain.problem)
    host.run("rm", f"{SAYS}/no-undrain")


def test_one_that_takes_longer_than_its_time_is_not_interrupted_and_is_told_of_meanwhile(
    host: Host, served: Served
) -> None:
    host.write(f"{SAYS}/ctl", SCRIPT.replace("test !", "test $1 != drain || sleep 60\ntest !"), mode=0o755)
    short = dataclasses.replace(served, more={**served.more, "drain_timeout": 1})
    pid = served.pid
    heard: list[Event] = []
    result = run(host, short, listen=heard.append)
    (step,) = result.hosts["gpu01"].steps
    assert step.error is not None
    assert (step.error.code, served.pid) == ("run.drain-failed", pid)
    assert "was not done after 1 s" in str(step.error.values["message"])
    progress = {(event.what, event.unit) for event in heard if isinstance(event, Progress)}
    assert ("draining autoglm", "s") in progress


def test_one_that_does_not_answer_afterwards_stays_drained_and_the_report_says_how_to_end_that(
    host: Host, served: Served
) -> None:
    host.write(f"{served.model}/behaviour", "crash")
    result = run(host, served)
    assert result.hosts["gpu01"].status is HostStatus.FAILED
    assert said(host) == ["drain by nobody"]
    (undrain,) = (each for step in result.hosts["gpu01"].steps for each in step.changes if each.kind == "undrain")
    assert not undrain.made
    assert f"still drained. Once it answers, on the host: {SAYS}/ctl undrain" in str(undrain.problem)


def test_what_a_killed_run_left_drained_is_undrained_by_the_next(host: Host, served: Served) -> None:
    """Contact is lost as soon as the service is drained."""
    to_lose = target(host, "gpu01", served, steps=[WITH_A_START])
    channels: list[Channel] = []

    def connect() -> Channel:
        channels.append(to_lose.connect())
        return channels[-1]

    def lose(event: Event) -> None:
        if isinstance(event, ChangeMade) and event.change.kind == "drain":
            channels[-1].close()

    first = carry_out(dataclasses.replace(to_lose, connect=connect), listen=lose)
    assert first.hosts["gpu01"].status in (HostStatus.AMBIGUOUS, HostStatus.UNREACHABLE)
    (left,) = (each for step in first.hosts["gpu01"].steps for each in step.changes if each.kind == "undrain")
    assert f"still drained. The next run undrains it once it answers. By hand, on the host: {SAYS}/ctl" in str(
        left.problem
    )
    assert said(host) == ["drain by nobody"]

    told = run(host, served, dry_run=True)
    shown = [change.kind for step in told.hosts["gpu01"].steps for change in step.changes]
    assert (shown.count("drain"), shown.count("undrain")) == (0, 1)
    assert told.hosts["gpu01"].status is HostStatus.PENDING

    result = run(host, served)
    assert result.counts == {"verified": 1}
    assert said(host) == ["drain by nobody", "undrain by nobody"]
    undo(host, result.run)
    assert said(host) == ["drain by nobody", "undrain by nobody"], "callers keep what answers"
    assert run(host, served, dry_run=True).hosts["gpu01"].steps[0].changes == ()


def restarted_and_lost(host: Host, served: Served) -> RunResult:
    """A run with which contact is lost between its start and its undrain."""
    to_lose = target(host, "gpu01", served, steps=[WITH_A_START])
    channels: list[Channel] = []

    def connect() -> Channel:
        channels.append(to_lose.connect())
        return channels[-1]

    def lose(event: Event) -> None:
        if isinstance(event, ChangeMade) and event.change.kind == "restart":
            channels[-1].close()

    return carry_out(dataclasses.replace(to_lose, connect=connect), listen=lose)


def test_to_undo_a_run_whose_service_a_later_one_undrained_drains_it_again(host: Host, served: Served) -> None:
    first = restarted_and_lost(host, served)
    assert said(host) == ["drain by nobody"]
    run(host, served)
    assert said(host) == ["drain by nobody", "undrain by nobody"]
    pid = served.pid

    host.write(f"{SAYS}/no-drain", "")
    (refused,) = undo(host, first.run)
    assert refused.refused
    assert any("draining autoglm" in str(entry.problem) for entry in refused.restored)
    assert (served.pid, host.run("cat", f"{served.model}/model.txt").stdout) == (pid, "good")

    host.run("rm", f"{SAYS}/no-drain", f"{SAYS}/said")
    (undone,) = undo(host, first.run)
    assert undone.ok, undone
    assert said(host) == ["drain by nobody", "undrain by nobody"]
    assert served.pid != pid
