"""A start that changes need: who needs it, beside which step it is shown, and that it is made once, at the end."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix import diagnostics, fixes
from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.link import Link
from autoglm_fix.agent.changes.recreate import Recreate
from autoglm_fix.agent.changes.restart import Restart
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.service import Definition, Running, Service
from autoglm_fix.diagnostics import read_signature
from autoglm_fix.diagnostics import service_findings as found
from autoglm_fix.engine.bound import BoundFix, BoundStep
from autoglm_fix.engine.events import ChangeMade, Event, StepDone
from autoglm_fix.engine.look import Look, Planned
from autoglm_fix.engine.restarts import needs_start, place_of, start_of, was_started
from autoglm_fix.engine.results import StepResult, StepStatus
from autoglm_fix.engine.slot import Slot, fresh, record_of, slot_result
from autoglm_fix.fixes import Declined, Fix
from autoglm_fix.fixes.restart import restart_of
from tests.hosts.supervisor import Supervisor, supervisord

from .pair import MEND, TEXT, Absent
from .plays import Step, carry_out

FILE = "/models/glm/model.txt"
RUNNING = Running(217, [217], ["vllm"], {}, "/", "root", None, 100.0)
UP = Service(
    "model",
    "supervisor",
    "running",
    Definition("supervisor", "model", ["vllm"]),
    running=RUNNING,
    reads=["/models/glm/"],
)
DOWN = dataclasses.replace(UP, state="stopped", running=None)
BY_HAND = dataclasses.replace(UP, manager="none", state="by-hand")
EDIT = WriteFile(FILE, [], "0", "1")
ELSEWHERE = WriteFile("/etc/hosts", [], "0", "1")
DEFINITION = WriteFile("/etc/supervisor/conf.d/model.conf", [], "0", "1", risk="restart")
START = Restart({}, "model")

RESTART = fixes.load()["restart"]
SERVICE = diagnostics.load()["service"]


@pytest.mark.parametrize(
    ("changes", "service", "needed"),
    [
        ([EDIT], UP, True),
        ([ELSEWHERE], UP, False),
        ([Link("/models/glm", "/mnt/glm")], UP, True),
        ([Link("/models", "/mnt")], UP, True),
        ([EDIT], DOWN, False),
        ([EDIT], None, False),
        ([DEFINITION], UP, True),
        ([DEFINITION], DOWN, True),
        ([DEFINITION], None, True),
        ([START], UP, False),
        ([Recreate("model")], UP, False),
        ([Recreate("model"), EDIT], UP, True),
        ([], UP, False),
    ],
)
def test_a_start_is_needed_by_what_says_so_and_by_what_a_running_service_has_read(
    changes: Sequence[Change], service: Service | None, needed: bool
) -> None:
    assert needs_start(changes, service) is needed


def slot(name: str, *changes: Change, judging: bool = False, outcome: StepStatus | None = None) -> Slot:
    fixes = (BoundFix(RESTART),) if judging else (BoundFix(MEND),)
    step = BoundStep("play", name, SERVICE if judging else TEXT, {}, fixes)
    plan = (Planned(Absent(subject=name), changes, ()),) if changes else ()
    made = fresh(step, Look(step, plan=plan))
    made.outcome = outcome
    return made


@pytest.mark.parametrize(
    ("slots", "place"),
    [
        ([slot("a", EDIT), slot("service", judging=True)], "service"),
        ([slot("service", judging=True), slot("a", EDIT)], "service"),
        ([slot("a", EDIT), slot("b", DEFINITION), slot("c")], "b"),
        ([slot("a", EDIT), slot("b", ELSEWHERE)], "a"),
        ([slot("a"), slot("service", judging=True)], None),
        ([slot("a", ELSEWHERE), slot("service", judging=True)], None),
        ([slot("a", EDIT), slot("service", START, judging=True)], None),
        ([slot("a", EDIT, outcome=StepStatus.FAILED), slot("service", judging=True)], None),
        ([slot("a", EDIT), slot("service", judging=True, outcome=StepStatus.FIXED)], "service"),
        ([], None),
    ],
)
def test_it_is_shown_beside_the_step_that_judges_the_service_else_beside_the_last_that_needs_it(
    slots: Sequence[Slot], place: str | None
) -> None:
    shown = place_of(slots, UP)
    assert (shown and shown.step.name) == place


def offered(service: Service, **step: Any) -> str | None:
    beside = slot("a", EDIT)
    beside.step = dataclasses.replace(beside.step, **step)
    offer = start_of(service, beside)
    return offer.code if isinstance(offer, Declined) else offer and offer.says


def test_what_can_be_offered_depends_on_the_service_and_on_the_play() -> None:
    assert offered(UP) == "restart.after-changes"
    assert offered(DOWN) == "restart.start"
    assert offered(UP, deny=frozenset({"restart"})) == "run.denied"
    assert offered(BY_HAND) == "restart.by-hand"
    assert offered(dataclasses.replace(BY_HAND, running=None)) is None
    assert offered(dataclasses.replace(UP, state="absent", running=None)) == "restart.absent"


def test_a_service_that_has_a_new_process_has_read_what_is_there() -> None:
    anew = dataclasses.replace(UP, running=dataclasses.replace(RUNNING, pid=218))
    assert [was_started(UP, UP), was_started(UP, anew), was_started(DOWN, UP)] == [False, True, True]
    assert [was_started(UP, DOWN), was_started(None, UP)] == [False, False]


def test_a_start_to_come_is_pending_and_one_that_cannot_be_made_leaves_its_step_unfixed() -> None:
    for outcome in (None, StepStatus.FIXED):
        shown = slot("service", judging=True, outcome=outcome)
        shown.start = record_of(START, diff="", problem=None)
        assert slot_result(shown, "model").status is StepStatus.PENDING
        assert [change.kind for change in slot_result(shown, "model").changes] == ["restart"]
        shown.start = record_of(START, diff="", problem="only root may start it")
        assert slot_result(shown, "model").status is StepStatus.UNFIXED
    declined = slot("service", judging=True)
    declined.start = Declined("run.held", {})
    assert (slot_result(declined, "model").status, slot_result(declined, "model").declined) == (
        StepStatus.HEALTHY,
        (declined.start,),
    )


# -- over a real supervisord


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.txt").write_text("good")
    (folder / "config.json").write_text("{}")
    return folder


PROGRAM = """
import pathlib, sys, time
print("loading", flush=True)
if not pathlib.Path(sys.argv[1]).exists():
    sys.exit("it is not there")
time.sleep(1000)
"""


@pytest.fixture
def lab(tmp_path: Path, model: Path) -> Iterator[Supervisor]:
    (tmp_path / "serve.py").write_text(PROGRAM)
    command = f"{sys.executable} {tmp_path}/serve.py {model}/model.txt\nautostart=false\nstartsecs=0\nautorestart=false"
    with supervisord(tmp_path / "lab", {"model": command}) as found:
        yield found


def starts(lab: Supervisor, at_least: int = 0) -> int:
    """How often it has been started, once it was so often: its first words take a moment."""
    log, latest = lab.folder / "model.log", time.monotonic() + 60
    while True:
        found = log.read_text().count("loading") if log.exists() else 0
        if found >= at_least or time.monotonic() > latest:
            return found
        time.sleep(0.05)


def is_up(lab: Supervisor) -> bool:
    return "RUNNING" in lab.ctl("status", "model")


@dataclasses.dataclass(frozen=True)
class Watching(Step):
    """The step that judges the service."""

    diagnostic: str = "service"

    def bind(self, registered: Any) -> Sequence[BoundStep]:
        fixes = tuple(self.fixes) if self.fixes != (BoundFix(MEND),) else (BoundFix(RESTART),)
        return [BoundStep("play", self.name, SERVICE, {}, fixes, act_on="warning", **self.more)]


def run(model: Path, *steps: Step, **more: Any) -> tuple[list[StepResult], list[Event]]:
    events: list[Event] = []
    service = {"name": "model", "manager": "supervisor", "unit": "model", "endpoint": None}
    result = carry_out(model, *steps, listen=events.append, **service, **more)
    return list(result.hosts["here"].steps), events


def made(events: Sequence[Event]) -> list[tuple[str, str]]:
    """The changes that were made, in order, with the steps they belong to."""
    return [(event.step, event.change.kind) for event in events if isinstance(event, ChangeMade)]


@pytest.mark.slow
def test_a_restart_that_is_planned_before_other_changes_is_made_after_them(lab: Supervisor, model: Path) -> None:
    (model / "model.txt").write_text("bad")
    steps, events = run(model, Watching("service"), Step("text"))
    assert made(events) == [("text", "write_file"), ("service", "restart")]
    assert [step.status for step in steps] == [StepStatus.FIXED, StepStatus.FIXED]
    assert (starts(lab, 1), is_up(lab)) == (1, True)


@pytest.mark.slow
def test_two_steps_that_plan_a_start_get_one(lab: Supervisor, model: Path) -> None:
    steps, events = run(model, Watching("one"), Watching("two"))
    assert made(events) == [("one", "restart")]
    assert [step.status for step in steps] == [StepStatus.FIXED, StepStatus.FIXED]
    assert [len(step.changes) for step in steps] == [1, 0]
    assert starts(lab, 1) == 1


@pytest.mark.slow
def test_a_start_that_no_step_plans_is_the_last_change_of_the_one_that_needs_it(lab: Supervisor, model: Path) -> None:
    (model / "model.txt").write_text("bad")
    lab.ctl("start", "model")
    assert starts(lab, 1) == 1
    steps, events = run(
        model, Step("text", fixes=[BoundFix(MEND, {"risk": "restart"})]), Step("well", options={"name": "config.json"})
    )
    assert made(events) == [("text", "write_file"), ("text", "restart")]
    assert [step.status for step in steps] == [StepStatus.FIXED, StepStatus.HEALTHY]
    assert [event.step.status for event in events if isinstance(event, StepDone)] == [StepStatus.FIXED]
    assert starts(lab, 2) == 2


@pytest.mark.slow
def test_one_that_does_not_come_up_fails_the_step_that_needs_it(lab: Supervisor, model: Path) -> None:
    (model / "model.txt").write_text("bad")
    lab.ctl("start", "model")
    assert starts(lab, 1) == 1
    conf = lab.programs / "model.conf"
    conf.write_text(conf.read_text().replace("model.txt", "gone.txt"))
    (step,), events = run(model, Step("text", fixes=[BoundFix(MEND, {"risk": "restart"})]))
    assert made(events) == [("text", "write_file"), ("text", "restart")]
    assert step.status is StepStatus.FAILED
    assert step.error is not None and "did not come up" in str(step.error.values["message"])


@pytest.mark.slow
def test_after_a_failed_step_nothing_is_started(lab: Supervisor, model: Path) -> None:
    (model / "model.txt").write_text("worse")
    steps, events = run(model, Step("text"), Watching("service"))
    assert made(events) == [("text", "write_file")]
    assert [step.status for step in steps] == [StepStatus.FAILED, StepStatus.PENDING]
    assert not is_up(lab)


def edit_and_start(finding: found.Down, service: Service) -> Iterator[Change | Declined]:
    """A setting and a start, for one finding."""
    assert service.defined is not None
    path = next(path for path in service.reads if path.endswith("/model/")) + "extra.txt"
    yield WriteFile(path, [(0, 0, "x")], None, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    start = restart_of(service)
    assert isinstance(start, Restart)
    yield dataclasses.replace(start, settle=0.1)


@pytest.mark.slow
def test_a_step_that_edits_and_starts_is_judged_when_both_are_done(lab: Supervisor, model: Path) -> None:
    """In between its finding is still there, which says nothing against the edit."""
    both = Fix("restart", (found.Down,), edit_and_start, read_signature(edit_and_start, skip=1), "edit and start")
    (step,), events = run(model, Watching("service", fixes=[BoundFix(both)]))
    assert made(events) == [("service", "write_file"), ("service", "restart")]
    assert (step.status, [change.made for change in step.changes]) == (StepStatus.FIXED, [True, True])
    assert (starts(lab, 1), (model / "extra.txt").read_text()) == (1, "x")


@pytest.mark.slow
def test_what_was_put_off_is_not_begun_once_the_run_is_stopped(lab: Supervisor, model: Path) -> None:
    (model / "model.txt").write_text("bad")

    stop = threading.Event()

    def interrupt(event: Event) -> None:
        if isinstance(event, ChangeMade):
            os.kill(os.getpid(), 2)
            stop.wait(60)

    play = [Step("text"), Watching("service")]
    service = {"name": "model", "manager": "supervisor", "unit": "model"}
    result = carry_out(model, *play, listen=interrupt, stop=stop, **service)
    assert result.exit_code == 130
    assert ((model / "model.txt").read_text(), is_up(lab), starts(lab)) == ("good", False, 0)
