"""What a caller saw of a service before anything was changed: it names the symptom, and protects what works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.engine.bound import BoundFix
from autoglm_fix.engine.events import ChangeMade, Event, PlansReady
from autoglm_fix.engine.results import HostResult, HostStatus, RunResult, StepStatus
from autoglm_fix.engine.script import Ask
from tests.endpoint.modes import MODEL, MODES
from tests.endpoint.server import FakeServer, serving

from .pair import MEND, TIDY
from .plays import Step, carry_out

INTERRUPTS = BoundFix(MEND, {"risk": "restart"})
ASK = Ask("你好", 16, require_gpu=False, timeout_s=20.0, start_timeout_s=0.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.txt").write_text("bad")
    return folder


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving(MODES["ok"]) as server:
        yield server


def against(server: FakeServer, model: Path, *steps: Step, **more: Any) -> RunResult:
    """A run where that server is the service's endpoint."""
    return carry_out(model, *steps, endpoint=server.endpoint, served_model_name=MODEL, **more)


def host(result: RunResult) -> HostResult:
    return result.hosts["here"]


def text(model: Path) -> str:
    return (model / "model.txt").read_text()


def test_it_is_asked_once_and_briefly_also_in_a_dry_run(server: FakeServer, model: Path) -> None:
    against(server, model, Step("one"), Step("two"), dry_run=True)
    (question,) = server.asked
    assert question["max_tokens"] <= 512


def test_without_an_endpoint_nobody_is_asked(server: FakeServer, model: Path) -> None:
    result = carry_out(model, Step(), dry_run=True)
    assert (server.asked, host(result).services["model"].answered) == ([], None)


def test_with_nothing_to_look_at_nobody_is_asked(server: FakeServer, model: Path) -> None:
    against(server, model, dry_run=True)
    assert server.asked == []


def test_the_key_goes_along(model: Path) -> None:
    with serving(MODES["key"]) as server:
        result = against(server, model, Step(fixes=[INTERRUPTS]), key="sk-right-0123456789", dry_run=True)
        assert server.keys == ["Bearer sk-right-0123456789"]
    assert host(result).services["model"].answered is True


@pytest.mark.parametrize(
    ("mode", "symptom"), [("ok", "none"), ("empty", "empty"), ("bang", "garbage"), ("html", "refused")]
)
def test_the_symptom_is_what_was_seen_not_what_a_finding_usually_causes(
    server: FakeServer, model: Path, mode: str, symptom: str
) -> None:
    server.mode = MODES[mode]
    result = against(server, model, Step(), dry_run=True)
    service = host(result).services["model"]
    assert (service.symptom, service.cause, service.answered) == (symptom, "text.word", mode == "ok")


def test_an_error_that_only_an_interruption_cures_is_held_and_stays(server: FakeServer, model: Path) -> None:
    result = against(server, model, Step(fixes=[INTERRUPTS]))
    (step,) = host(result).steps
    assert (step.status, step.changes, text(model)) == (StepStatus.UNFIXED, (), "bad")
    assert [declined.code for declined in step.declined] == ["run.held"]
    assert result.exit_code == 2


def test_what_interrupts_nobody_is_mended_all_the_same(server: FakeServer, model: Path) -> None:
    (step,) = host(against(server, model, Step())).steps
    assert (step.status, text(model)) == (StepStatus.FIXED, "good")


@pytest.mark.parametrize("mode", ["empty", "bang", "html", "engine died"])
def test_one_that_does_not_answer_well_is_not_held(server: FakeServer, model: Path, mode: str) -> None:
    server.mode = MODES[mode]
    (step,) = host(against(server, model, Step(fixes=[INTERRUPTS]))).steps
    assert (step.status, text(model)) == (StepStatus.FIXED, "good")


@pytest.mark.parametrize("mode", ["key", "busy"])
def test_one_that_may_serve_others_is_not_interrupted_for_what_it_says_to_us(
    server: FakeServer, model: Path, mode: str
) -> None:
    server.mode = MODES[mode]
    result = against(server, model, Step(fixes=[INTERRUPTS]))
    (step,) = host(result).steps
    assert (step.status, text(model), host(result).services["model"].answered) == (StepStatus.UNFIXED, "bad", False)
    assert [declined.code for declined in step.declined] == ["run.held"]


def test_nothing_is_held_where_that_is_wanted(server: FakeServer, model: Path) -> None:
    (step,) = host(against(server, model, Step(fixes=[INTERRUPTS]), even_if_working=True)).steps
    assert (step.status, text(model)) == (StepStatus.FIXED, "good")


def test_a_warning_that_only_an_interruption_cures_is_shown_and_no_fault(server: FakeServer, model: Path) -> None:
    (model / "model.txt").write_text("odd")
    acting = Step(fixes=[BoundFix(TIDY, {"risk": "restart"})], more={"act_on": "warning"})
    result = against(server, model, acting)
    (step,) = host(result).steps
    assert (step.status, [declined.code for declined in step.declined]) == (StepStatus.HEALTHY, ["run.held"])
    assert (result.exit_code, text(model)) == (0, "odd")


def test_what_is_held_is_registered_as_it_stands(server: FakeServer, model: Path) -> None:
    """A condition on it must not see a change that is not going to be made."""
    seen: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, PlansReady):
            seen.extend(step.status.value for plan in event.plans for step in plan.steps)

    steps = [Step("a", register="a", fixes=[INTERRUPTS]), Step("b", refers="a", fixes=[INTERRUPTS])]
    against(server, model, *steps, listen=note)
    assert seen == ["unfixed", "unfixed"]


def turns(server: FakeServer, mode: str) -> Any:
    """A listener: by the first change the server begins to answer so."""

    def listen(event: Event) -> None:
        if isinstance(event, ChangeMade):
            server.mode = MODES[mode]

    return listen


@pytest.mark.parametrize("mode", ["empty", "bang", "engine died"])
def test_one_that_answered_before_and_not_after_has_its_changes_taken_back(
    server: FakeServer, model: Path, mode: str
) -> None:
    result = against(server, model, Step(), asks=[ASK], listen=turns(server, mode))
    assert (host(result).status, text(model)) == (HostStatus.FAILED, "bad")
    assert host(result).rollback is not None and host(result).rollback.status == "restored"
    assert not result.changed


def test_one_that_never_answered_keeps_what_was_mended(server: FakeServer, model: Path) -> None:
    server.mode = MODES["empty"]
    result = against(server, model, Step(), asks=[ASK])
    assert (host(result).status, text(model), host(result).rollback) == (HostStatus.FAILED, "good", None)
    assert result.changed


def test_what_the_first_question_could_not_see_is_not_held_against_a_change(server: FakeServer, model: Path) -> None:
    server.mode = MODES["canned"]
    result = against(server, model, Step(), asks=[ASK])
    assert (host(result).status, text(model), host(result).rollback) == (HostStatus.FAILED, "good", None)


def test_a_proof_that_is_only_not_complete_takes_nothing_back(server: FakeServer, model: Path) -> None:
    result = against(server, model, Step(), asks=[ASK], listen=turns(server, "forgetful"))
    assert (host(result).status, text(model), host(result).rollback) == (HostStatus.UNPROVED, "good", None)
