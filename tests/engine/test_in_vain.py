"""A service that is down is not started while something that keeps it from coming up is left as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.restart import Restart
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.service import Ended, Running, Service
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.service_findings import Crashed, Failed, Restarting
from autoglm_fix.engine.bound import BoundFix, BoundStep
from autoglm_fix.engine.look import Look, Planned
from autoglm_fix.engine.restarts import in_vain, without_starts
from autoglm_fix.engine.results import ChangeRecord, StepStatus
from autoglm_fix.engine.slot import Slot, fresh
from autoglm_fix.fixes import Declined, load

from .pair import TEXT, Absent, Odd, Word


class Slow(Finding, frozen=True, kw_only=True):
    code: ClassVar[str] = "text.slow"
    symptom = "slow"


DOWN = Service("autoglm", "systemd", "failed")
UP = Service("autoglm", "systemd", "running", running=Running(7, since=1000.0), now=2000.0)
LOADS = Service("autoglm", "systemd", "running", running=Running(7, since=1990.0), now=2000.0)
LOOPS = replace(LOADS, ended=Ended(code=1, restarts=3))
START = Restart({}, "autoglm.service")
EDIT = WriteFile("/m/a", [], None, "")
MADE = ChangeRecord("write_file", "/m/a", "safe", "exact", "", "", made=True)
CRASHES = Absent(subject="/m")
FAILED = Failed(subject="autoglm.service", exit="1", ago="3 s", look="", log=[])
RESTARTS = (BoundFix(load()["restart"]),)


def slot(finding: Finding, *changes: Change, name: str = "s", starts: bool = False, ignored: bool = False) -> Slot:
    step = BoundStep("p", name, TEXT, fixes=RESTARTS if starts else (), ignore_errors=ignored)
    return fresh(step, Look(step, (finding,), (Planned(finding, changes, ()),)))


# Its log tells that this is what it ended by, though others would only be slow with it.
SLOW = Slow(subject="/m")
ENDED = Crashed(subject="autoglm.service", cause="x", line="x", step="text", look="")
LAST = slot(FAILED, START, starts=True)


@pytest.mark.parametrize(
    ("earlier", "service", "vain"),
    [
        pytest.param(slot(CRASHES), DOWN, True, id="what keeps it from coming up is left"),
        pytest.param(slot(CRASHES, EDIT), DOWN, False, id="it would be mended"),
        pytest.param(slot(CRASHES), UP, False, id="one that stays up has shown that it comes up"),
        pytest.param(slot(CRASHES), LOADS, True, id="one that its manager calls running may be loading yet"),
        pytest.param(slot(CRASHES), LOOPS, True, id="one that was started again and again has shown nothing"),
        pytest.param(slot(CRASHES), None, False, id="nobody knows whether it runs"),
        pytest.param(slot(CRASHES, ignored=True), DOWN, False, id="the playbook says to ignore it"),
        pytest.param(slot(Word(subject="/m", word="bad")), DOWN, False, id="it would come up, and answer with nothing"),
        pytest.param(slot(SLOW), DOWN, False, id="it would come up, and be slow"),
        pytest.param(slot(Odd(subject="/m")), DOWN, False, id="a warning"),
    ],
)
def test_a_start_is_in_vain(earlier: Slot, service: Service | None, vain: bool) -> None:
    why = in_vain([earlier, LAST], service)
    assert why == (Declined("run.in-vain", {"step": "s"}) if vain else None)


@pytest.mark.parametrize(
    ("service", "answers", "vain"), [(LOADS, True, False), (LOADS, False, True), (UP, False, True), (LOOPS, True, True)]
)
def test_a_caller_knows_better_than_the_manager_whether_it_came_up(service: Service, answers: bool, vain: bool) -> None:
    assert bool(in_vain([slot(CRASHES), LAST], service, answers)) is vain


def test_what_its_last_start_ended_by_keeps_it_from_the_next() -> None:
    assert in_vain([slot(SLOW), slot(ENDED, START, starts=True)], DOWN) == Declined("run.in-vain", {"step": "s"})


RESTARTING = Restarting(subject="autoglm.service", restarts=3, exit="1", look="journalctl -u autoglm", log=[])
LOOP = slot(RESTARTING, START, starts=True)
ONE_MORE = Declined("run.loops", {"manager": "systemd", "look": "journalctl -u autoglm"})


@pytest.mark.parametrize(
    ("earlier", "service", "why"),
    [
        pytest.param([], LOOPS, ONE_MORE, id="nothing differs from the start before"),
        pytest.param([slot(CRASHES, EDIT)], LOOPS, None, id="something would be mended"),
        pytest.param([replace(slot(SLOW), outcome=StepStatus.FIXED, made=[MADE])], LOOPS, None, id="it was mended"),
        pytest.param([], replace(LOOPS, changed=1995.0), None, id="somebody has changed something meanwhile"),
        pytest.param([], replace(LOOPS, reloaded=False), None, id="its manager works with an older text"),
        pytest.param([], UP, None, id="it came up"),
    ],
)
def test_what_its_manager_starts_again_and_again_is_not_started_once_more_for_nothing(
    earlier: list[Slot], service: Service, why: Declined | None
) -> None:
    assert in_vain([*earlier, LOOP], service) == why
    assert in_vain([*earlier, LOOP], service, True) is None


def test_that_it_does_not_run_is_no_reason_against_a_start() -> None:
    assert in_vain([LAST], DOWN) is None


def test_of_what_is_planned_only_the_start_is_left_out() -> None:
    why = Declined("run.in-vain", {"step": "s"})
    both = slot(FAILED, EDIT, START, starts=True).now
    assert without_starts(both, why).plan == (Planned(FAILED, (EDIT,), (why,)),)
    other = slot(CRASHES, EDIT).now
    assert without_starts(other, why) == other
