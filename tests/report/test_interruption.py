"""What a summary says of callers who had to go without their service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoglm_fix.engine.results import ChangeRecord, HostResult

from . import runs
from .test_console import summary

RESTART = ChangeRecord("restart", "x", "restart", "state", "restart it", "", made=True, code="sample.restart")
DRAIN = ChangeRecord("drain", "x", "safe", "none", "drain it", "", made=True, code="sample.drain")
UNDRAIN = replace(DRAIN, kind="undrain", summary="undrain it")


def restarted(name: str, *changes: ChangeRecord) -> HostResult:
    step = replace(runs.step_fixed(runs.WEIGHTS_STEP), changes=changes)
    return replace(runs.REPAIRED, name=name, steps=(step,))


TOLD = {
    "the service was interrupted once": (RESTART,),
    "the service was interrupted once, for 41.2 s": (replace(RESTART, took_s=41.2),),
    "the service was interrupted 2 times, for 1:00 min in all": (
        replace(RESTART, took_s=20.0),
        replace(RESTART, target="y", took_s=40.0),
    ),
    "the service was interrupted once, drained before and undrained after": (DRAIN, RESTART, UNDRAIN),
    "the service was interrupted once, drained before, and not undrained": (DRAIN, RESTART),
}


@pytest.mark.parametrize("said", TOLD)
def test_an_interruption_is_told_with_how_long_it_was(said: str) -> None:
    assert f"  note   {said}\n" in summary(runs.result(restarted("a", *TOLD[said])))


def test_hosts_that_were_interrupted_for_other_times_are_one_group() -> None:
    hosts = [restarted(f"gpu{n:02}", replace(RESTART, took_s=30.0 + n)) for n in range(64)]
    text = summary(runs.result(*hosts))
    assert "gpu[00:63] (64 hosts): verified\n" in text
    assert "the service was interrupted once, for 30.0 s to 1:33 min\n" in text


def test_nothing_is_said_where_nobody_was_interrupted() -> None:
    assert "interrupted" not in summary(runs.result(runs.REPAIRED))
    started = replace(RESTART, code="restart.start")
    assert "interrupted" not in summary(runs.result(restarted("a", started)))
