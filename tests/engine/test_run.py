"""A run over the real agent on this machine: look, apply, look again, and undo."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoglm_fix.engine.bound import Patience
from autoglm_fix.engine.events import ChangeMade, Event, HostLost, PlansReady
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.results import HostStatus, StepStatus
from autoglm_fix.engine.script import Until

from .pair import CRASH, TIDY
from .plays import BoundFix, Step, carry_out, relink


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def write(model: Path, text: str, name: str = "model.txt") -> Path:
    path = model / name
    path.write_text(text)
    return path


def tree(folder: Path) -> dict[str, tuple[bytes | str, int, int]]:
    """Every path below a folder, its content (or link) and what else an edit would alter."""
    found: dict[str, tuple[bytes | str, int, int]] = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (content, stat.st_mode, stat.st_mtime_ns if path.is_file() else 0)
    return found


def test_a_healthy_service_is_clean_and_nothing_is_changed(model: Path, state_dir: Path) -> None:
    write(model, "good")
    result = carry_out(model, Step())
    assert (result.exit_code, result.hosts["here"].status) == (0, HostStatus.CLEAN)
    assert result.hosts["here"].steps[0].status is StepStatus.HEALTHY
    assert tree(state_dir) == {}


def test_a_finding_is_fixed_once_the_same_diagnostic_says_so(model: Path) -> None:
    path = write(model, "all bad here")
    result = carry_out(model, Step())
    step = result.hosts["here"].steps[0]
    assert path.read_text() == "all good here"
    assert step.status is StepStatus.FIXED
    assert [finding.code for finding in step.findings] == ["text.word"]
    assert [change.made for change in step.changes] == [True]
    assert result.exit_code == 0


def test_a_second_run_changes_nothing(model: Path) -> None:
    write(model, "all bad here")
    carry_out(model, Step())
    before = tree(model)
    second = carry_out(model, Step())
    assert second.hosts["here"].steps[0].status is StepStatus.HEALTHY
    assert tree(model) == before


def test_a_dry_run_shows_the_diff_and_leaves_every_byte(model: Path, state_dir: Path) -> None:
    write(model, "all bad here")
    before = tree(model)
    result = carry_out(model, Step(), dry_run=True)
    step = result.hosts["here"].steps[0]
    assert step.status is StepStatus.PENDING
    assert "-all bad here\n+all good here" in step.changes[0].diff
    assert not step.changes[0].made
    assert (tree(model), tree(state_dir)) == (before, {})


def test_a_fix_that_does_not_cure_is_a_failure_and_is_not_tried_twice(model: Path) -> None:
    path = write(model, "worse")
    result = carry_out(model, Step())
    step = result.hosts["here"].steps[0]
    assert step.status is StepStatus.FAILED
    assert step.error is not None
    assert step.error.code == "run.not-cured"
    assert path.read_text() == "worse!!"
    assert result.exit_code == 2


def test_a_failure_is_rolled_back_where_the_play_says_so(model: Path) -> None:
    write(model, "worse")
    before = tree(model)
    result = carry_out(model, Step(), limits=Limits(on_failure="rollback"))
    assert tree(model) == before
    rollback = result.hosts["here"].rollback
    assert rollback is not None
    assert rollback.status == "restored"
    assert not result.changed


def test_a_finding_that_no_fix_takes_on_is_unfixed_and_the_others_are_still_fixed(model: Path) -> None:
    path = write(model, "bad and stubborn")
    result = carry_out(model, Step())
    step = result.hosts["here"].steps[0]
    assert path.read_text() == "good and stubborn"
    assert step.status is StepStatus.UNFIXED
    assert [declined.code for declined in step.declined] == ["mend.stubborn"]
    assert result.exit_code == 2


def test_what_a_link_would_reveal_is_planned_and_fixed_in_the_same_run(model: Path, tmp_path: Path) -> None:
    elsewhere = write(tmp_path, "bad", "elsewhere.txt")
    fixes = [relink(elsewhere), *Step().fixes]
    preview = carry_out(model, Step(fixes=fixes), dry_run=True).hosts["here"].steps[0]
    assert [finding.code for finding in preview.findings] == ["text.absent", "text.word"]
    assert [change.kind for change in preview.changes] == ["link", "write_file"]
    assert not list(model.iterdir())
    done = carry_out(model, Step(fixes=fixes)).hosts["here"].steps[0]
    assert done.status is StepStatus.FIXED
    assert (model / "model.txt").read_text() == "good"


def test_a_later_step_sees_through_the_link_and_says_whom_it_waits_for(model: Path, tmp_path: Path) -> None:
    elsewhere = write(tmp_path, "bad", "elsewhere.txt")
    steps = [Step("the file is there", fixes=[relink(elsewhere)]), Step("the text is good")]
    first, second = carry_out(model, *steps, dry_run=True).hosts["here"].steps
    assert first.status is StepStatus.UNFIXED  # nothing in this step mends the text that the link reveals
    assert (second.status, second.provisional) == (StepStatus.PENDING, "the file is there")


def test_a_step_whose_file_an_earlier_step_would_edit_is_provisional(model: Path) -> None:
    write(model, "bad")
    _, second = carry_out(model, Step("first"), Step("second"), dry_run=True).hosts["here"].steps
    assert second.provisional == "first"


def test_a_later_step_that_an_earlier_one_cured_is_healthy(model: Path) -> None:
    write(model, "bad")
    first, second = carry_out(model, Step("first"), Step("second")).hosts["here"].steps
    assert (first.status, second.status) == (StepStatus.FIXED, StepStatus.HEALTHY)


def test_no_to_the_question_changes_nothing(model: Path) -> None:
    path = write(model, "bad")
    result = carry_out(model, Step(), approve=False)
    assert path.read_text() == "bad"
    assert result.hosts["here"].status is HostStatus.PENDING


def test_a_warning_is_shown_but_only_acted_on_where_the_step_says_so(model: Path) -> None:
    path = write(model, "odd")
    tidy = (BoundFix(TIDY),)
    step = carry_out(model, Step(fixes=tidy)).hosts["here"].steps[0]
    assert (step.status, [finding.severity for finding in step.findings]) == (StepStatus.HEALTHY, ["warning"])
    assert path.read_text() == "odd"
    acted = carry_out(model, Step(fixes=tidy, more={"act_on": "warning"})).hosts["here"].steps[0]
    assert (acted.status, path.read_text()) == (StepStatus.FIXED, "even")


def test_a_warning_that_nothing_can_be_done_about_is_shown_and_is_no_fault(model: Path) -> None:
    write(model, "bad and odd")
    step = carry_out(model, Step(more={"act_on": "warning"})).hosts["here"].steps[0]
    assert (step.status, [finding.code for finding in step.findings]) == (StepStatus.FIXED, ["text.word", "text.odd"])
    again = carry_out(model, Step(more={"act_on": "warning"}))
    assert (again.exit_code, again.hosts["here"].steps[0].status) == (0, StepStatus.HEALTHY)


@pytest.mark.parametrize(
    ("name", "timeout_s", "status", "said"),
    [
        ("hang", 1.0, StepStatus.UNKNOWN, "did not end within its time"),
        ("die", 60.0, StepStatus.UNKNOWN, "SIGABRT"),
        ("crash", 60.0, StepStatus.FAILED, "ZeroDivisionError"),
    ],
)
def test_a_collector_that_gives_no_answer_costs_its_own_step(
    model: Path, name: str, timeout_s: float, status: StepStatus, said: str
) -> None:
    write(model, "good")
    sick = Step("sick", options={"name": name}, more={"patience": Patience(timeout_s)})
    result = carry_out(model, sick, Step("well"))
    first, second = result.hosts["here"].steps
    assert (first.status, second.status) == (status, StepStatus.HEALTHY)
    assert first.error is not None
    assert said in str(first.error.values)
    assert result.exit_code == 2


def test_a_look_that_makes_no_progress_is_ended_before_its_deadline(model: Path) -> None:
    sick = Step("sick", options={"name": "hang"}, more={"patience": Patience(deadline_s=3600.0, idle_s=1.0)})
    (step,) = carry_out(model, sick).hosts["here"].steps
    assert step.status is StepStatus.UNKNOWN
    assert step.error is not None
    assert step.error.values["reason"] == "no progress for 1 s"


def test_a_bug_in_a_fix_fails_its_step_with_the_traceback_kept(model: Path) -> None:
    write(model, "bad")
    step = carry_out(model, Step(fixes=[BoundFix(CRASH)])).hosts["here"].steps[0]
    assert step.status is StepStatus.FAILED
    assert step.error is not None
    assert any("ZeroDivisionError" in line for line in step.error.tail)


def test_a_file_edited_between_the_plan_and_the_change_is_refused(model: Path) -> None:
    path = write(model, "bad")

    def edit(event: Event) -> None:
        if isinstance(event, PlansReady):
            path.write_text("bad, but edited")

    step = carry_out(model, Step(), listen=edit).hosts["here"].steps[0]
    assert path.read_text() == "bad, but edited"
    assert step.status is StepStatus.FAILED
    assert step.error is not None
    assert "was edited since" in str(step.error.values["message"])


def test_a_condition_on_an_earlier_result_is_decided_when_that_is_known(model: Path) -> None:
    write(model, "good")
    first, second = carry_out(model, Step("a", register="a"), Step("b", refers="a")).hosts["here"].steps
    assert (first.status, second.status) == (StepStatus.HEALTHY, StepStatus.SKIPPED)


def test_the_items_of_a_loop_are_one_step_with_the_worst_status(model: Path) -> None:
    write(model, "stubborn")
    step = carry_out(model, Step(items=2)).hosts["here"].steps[0]
    assert (step.status, len(step.items)) == (StepStatus.UNFIXED, 2)


def test_until_repeats_the_diagnosis_and_gives_up(model: Path) -> None:
    write(model, "stubborn")
    step = Step(register="text", until=Until(retries=2, delay_s=0.01))
    assert carry_out(model, step).hosts["here"].steps[0].status is StepStatus.UNFIXED


def test_a_host_without_that_python_is_unreachable(model: Path) -> None:
    result = carry_out(model, Step(), python="/no/such/python")
    host = result.hosts["here"]
    assert (host.status, result.exit_code) == (HostStatus.UNREACHABLE, 3)
    assert host.error is not None
    assert "no Python at /no/such/python" in str(host.error.values["reason"])


def test_a_host_whose_journal_cannot_be_kept_is_not_changed(model: Path, tmp_path: Path) -> None:
    path = write(model, "bad")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    events: list[Event] = []
    host = carry_out(model, Step(), state=str(in_the_way / "state"), listen=events.append).hosts["here"]
    assert path.read_text() == "bad"
    assert host.status is HostStatus.FAILED
    assert host.error is not None
    assert host.error.code == "run.no-journal"
    assert host.error.values["folder"] == str(in_the_way / "state")
    assert [event.error for event in events if isinstance(event, HostLost)] == [host.error], "it is heard at once"


def test_every_change_is_announced_as_it_is_made(model: Path) -> None:
    write(model, "bad")
    events: list[Event] = []
    carry_out(model, Step(), listen=events.append)
    assert [event.change.made for event in events if isinstance(event, ChangeMade)] == [True]
