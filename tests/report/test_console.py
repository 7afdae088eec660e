"""What people read: events in, text out. The golden texts lie in ``golden``."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.engine.events import Doing, Event, HostDone, LogLine, PlansReady, Progress, RunDone, RunStarted
from autoglm_fix.engine.results import HostStatus, Rollback, RunResult, StepStatus
from autoglm_fix.report.console import Console

from . import runs

GOLDEN = Path(__file__).parent / "golden"
# The live region is drawn by a thread of its own; what it shows is tested in test_flights.
STILL = (RunStarted, PlansReady, RunDone)


def printed(told: list[Event], **options: Any) -> str:
    out = io.StringIO()
    console = Console(out, clock=lambda: 0.0, **{"playbook": runs.PLAYBOOK, **options})
    for event in told:
        console(event)
    console.close()
    return out.getvalue()


def summary(run: RunResult, **options: Any) -> str:
    return printed([RunDone(run)], **options).strip()


GOLDENS: dict[str, tuple[RunResult, dict[str, Any]]] = {
    "dry-run": (runs.result(runs.DRY, dry_run=True), {}),
    "dry-run.zh": (runs.result(runs.DRY, dry_run=True), {"language": "zh"}),
    "repaired": (runs.result(runs.REPAIRED), {}),
    "repaired.zh": (runs.result(runs.REPAIRED), {"language": "zh"}),
    "stuck": (runs.result(runs.STUCK), {}),
    "stuck.zh": (runs.result(runs.STUCK), {"language": "zh"}),
    "stuck-verbose": (runs.result(runs.STUCK), {"verbosity": 1, "diff": True}),
    "fleet": (runs.fleet(), {}),
    "fleet.zh": (runs.fleet(), {"language": "zh"}),
    "hostile": (runs.hostile(), {}),
    "terminal-wide": (runs.result(runs.REPAIRED), {"terminal": True, "width": 100}),
    "terminal-narrow": (runs.result(runs.STUCK), {"terminal": True, "width": 44}),
    "terminal-narrow.zh": (runs.result(runs.STUCK), {"terminal": True, "width": 44, "language": "zh"}),
    "terminal-hostile": (runs.hostile(), {"terminal": True, "width": 100}),
}


def golden_text(name: str) -> str:
    run, options = GOLDENS[name]
    told = runs.told(run, *(STILL if "terminal" in options else ()))
    return printed(told, **options).replace("\x1b", "␛")


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", GOLDENS)
def test_a_run_reads_as_its_golden_text(name: str) -> None:
    assert golden_text(name) == (GOLDEN / f"{name}.txt").read_text("utf-8")


HEADLINES = {
    "1 host, 1 service: does not answer (empty)": runs.result(runs.STUCK),
    "1 host, 1 service: answers again": runs.result(runs.REPAIRED),
    "1 host, 1 service: answers": runs.result(runs.HEALTHY),
    "1 host, 1 service: answers badly (garbage)": runs.hostile(),
    "1 host: unreachable": runs.result(runs.host("a", HostStatus.UNREACHABLE, error=runs.LOST)),
    "2 hosts, 2 services: all answer": runs.result(runs.named(runs.HEALTHY, "a"), runs.named(runs.HEALTHY, "b")),
    "2 hosts: all unreachable": runs.result(
        *(runs.host(name, HostStatus.UNREACHABLE, error=runs.LOST) for name in "ab")
    ),
    "3 hosts, 2 services: 1 does not answer (empty), 1 host unreachable, 1 answers": runs.result(
        runs.named(runs.HEALTHY, "a"),
        runs.host("b", HostStatus.UNREACHABLE, error=runs.LOST),
        runs.named(runs.STUCK, "c"),
    ),
    "1 host, 1 service: without a fault, not asked for an answer": runs.result(runs.host("a", HostStatus.CLEAN)),
    "1 host, 1 service: repaired, not asked for an answer": runs.result(
        runs.host("a", HostStatus.CLEAN, runs.step_fixed(runs.WEIGHTS_STEP))
    ),
    "1 host, 1 service: answers, but not everything is in order": runs.result(
        replace(runs.STUCK, name="a", proof=((runs.PLAY, runs.PROOF),))
    ),
    "1 host, 1 service: has a fault that can be repaired": runs.result(
        runs.host("a", HostStatus.PENDING, runs.WEIGHTS_STEP), dry_run=True
    ),
    "no host": runs.result(),
}


@pytest.mark.parametrize("expected", HEADLINES)
def test_the_first_line_of_the_summary_counts(expected: str) -> None:
    assert summary(HEADLINES[expected]).splitlines()[0] == expected


@pytest.mark.parametrize("status", HostStatus)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_host_status_has_a_summary(status: HostStatus, language: str) -> None:
    text = summary(runs.result(runs.host("a", status), runs.host("b", status, error=runs.LOST)), language=language)
    assert "report." not in text


@pytest.mark.parametrize("status", StepStatus)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_step_status_has_words(status: StepStatus, language: str) -> None:
    step = replace(runs.WEIGHTS_STEP, status=status)
    text = printed(runs.events(runs.result(runs.host("a", HostStatus.UNFIXED, step))), language=language, verbosity=1)
    assert runs.WEIGHTS in text


def test_a_dry_run_says_that_nothing_was_changed_and_never_that_something_is_fixed() -> None:
    text = printed(runs.events(runs.result(runs.DRY, dry_run=True)), verbosity=2)
    assert "nothing was changed" in text
    assert not re.search(r"\bfixed\b|\bundo R|answers again", text)
    assert "没有任何改动" in printed(runs.events(runs.result(runs.DRY, dry_run=True)), language="zh")


def test_what_is_unfixed_or_unknown_ends_with_a_command() -> None:
    for step in (runs.UNFIXED_STEP, runs.UNKNOWN_STEP, replace(runs.UNKNOWN_STEP, error=None)):
        text = summary(runs.result(runs.host("gpu01", HostStatus.UNFIXED, step)), options=("-i", "my hosts.yml"))
        assert re.search(r"\n\nWhat to do next:\n  (autoglm-fix run|ls -l) .+\Z", text), text
    assert text.endswith("autoglm-fix run playbooks/no-output.yml -i 'my hosts.yml' -l gpu01 --dry-run -v")


def test_undo_is_offered_only_where_something_stays_changed() -> None:
    undo = f"autoglm-fix undo {runs.RUN}"
    assert summary(runs.result(runs.REPAIRED)).endswith(undo)
    assert undo not in summary(runs.result(runs.HEALTHY))
    assert undo not in summary(runs.result(runs.DRY, dry_run=True))
    assert undo not in summary(runs.result(replace(runs.REPAIRED, rollback=Rollback("restored"))))
    assert undo in summary(runs.result(replace(runs.REPAIRED, rollback=Rollback("partial"))))


def test_a_diff_is_folded_unless_it_is_asked_for_or_all_there_is() -> None:
    repaired, dry = runs.events(runs.result(runs.REPAIRED)), runs.events(runs.result(runs.DRY, dry_run=True))
    assert '"temperature"' not in printed(repaired)
    assert '-  "max_length": 4,' in printed(repaired)
    assert "9 more lines (-D shows them)" in printed(repaired)
    assert '"temperature"' in printed(repaired, diff=True)
    assert '"temperature"' in printed(dry)


def test_800_hosts_are_folded_to_few_lines() -> None:
    text = printed(runs.events(runs.fleet()))
    assert len(text.splitlines()) < 140
    assert len(summary(runs.fleet()).splitlines()) < 60


def test_200_outcomes_that_differ_in_a_path_only_are_one() -> None:
    hosts = []
    for number in range(200):
        finding = msgspec.structs.replace(runs.MISSING, subject=f"/models/{number}")
        step = replace(runs.UNFIXED_STEP, findings=(finding,), remaining=(finding,))
        hosts.append(runs.host(f"gpu{number}", HostStatus.UNFIXED, step, symptom="empty", cause=finding.code))
    text = summary(runs.result(*hosts))
    assert len(text.splitlines()) < 15
    assert "These hosts differ in paths or numbers; what is shown is gpu0." in text


def test_the_worst_comes_first() -> None:
    text = summary(runs.fleet())
    found = re.findall(r"^gpu\S+(?: \(\d+ hosts\))?: (\w+)$", text, re.MULTILINE)
    assert found == ["failed", "unfixed", "unreachable", "verified", "verified"]


def test_a_pipe_gets_no_control_characters() -> None:
    for run in (runs.hostile(), runs.fleet()):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", printed(runs.events(run), verbosity=1))


def test_what_a_host_says_never_begins_a_line() -> None:
    text = printed(runs.events(runs.hostile()), verbosity=1)
    assert not re.search(r"^ {0,6}1 host: answers again", text, re.MULTILINE)
    assert "{{ 7*7 }}" in text
    assert "[bold]x[/bold]" in text


def test_a_stream_of_another_encoding_does_not_end_the_run() -> None:
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, encoding="ascii", write_through=True), "zh", playbook=runs.PLAYBOOK)
    for event in runs.events(runs.result(runs.REPAIRED)):
        console(event)
    assert rb"\u8bc1\u660e" in raw.getvalue()


def test_a_code_without_a_sentence_shows_the_code_and_its_values() -> None:
    step = replace(runs.UNFIXED_STEP, findings=(runs.Wordless(subject="/x", number=3),), remaining=(), declined=())
    for language in ("en", "zh"):
        text = summary(runs.result(runs.host("a", HostStatus.UNFIXED, step)), language=language)
        assert "nowhere.wordless" in text
        assert "subject=/x" in text
        assert "number=3" in text


def test_a_provisional_step_names_what_it_waits_for() -> None:
    said = printed(runs.events(runs.result(runs.DRY, dry_run=True)))
    assert f"    looked at again once this is done: {runs.WEIGHTS}\n" in said


def test_a_change_without_undo_says_so() -> None:
    kill = replace(runs.LINK, kind="kill", risk="disruptive", undo="none", problem="no permission to write in /models")
    step = replace(runs.WEIGHTS_STEP, changes=(kill,))
    text = printed(runs.events(runs.result(runs.host("a", HostStatus.PENDING, step), dry_run=True)))
    assert "disruptive, cannot be undone" in text
    assert "could not be made: no permission to write in /models" in text


def test_a_loop_shows_its_items() -> None:
    items = tuple(replace(runs.WEIGHTS_STEP, name=f"model {number}", play="p") for number in (1, 2))
    looped = replace(runs.WEIGHTS_STEP, findings=(), changes=(), items=items)
    text = printed(runs.events(runs.result(runs.host("a", HostStatus.PENDING, looped), dry_run=True)))
    assert "model 1" in text
    assert "model 2" in text
    assert "2 changes would be made on 1 host." in text


def test_the_second_look_says_that_it_is_one() -> None:
    plan = next(event for event in runs.events(runs.result(runs.REPAIRED)) if isinstance(event, PlansReady))
    assert "A second, deeper look found more to do" in printed([replace(plan, deeper=True)])


def test_the_question_counts() -> None:
    plan = next(event for event in runs.events(runs.fleet()) if isinstance(event, PlansReady))
    assert Console(io.StringIO()).question(plan) == "Make these 161 changes on 81 hosts?"
    assert Console(io.StringIO(), "zh").question(plan) == "在 81 台主机上执行这 161 处改动？"


def test_long_work_is_a_line_for_each_tenth_in_a_pipe() -> None:
    now = [0.0]
    out = io.StringIO()
    console = Console(out, clock=lambda: now[0])
    console(RunStarted("r", "p", ("gpu01",), False))
    for done, seconds in runs.FETCH:
        for more in (0, 1):
            now[0] = seconds
            console(runs.progress("gpu01", done + more))
    told = [text for text in out.getvalue().splitlines() if "GiB" in text]
    assert told == [
        "gpu01: model-00002-of-00005.safetensors  25 %, 5.0 GiB of 20.0 GiB, 256.0 MiB/s, 1:00 min left",
        "gpu01: model-00002-of-00005.safetensors  50 %, 10.0 GiB of 20.0 GiB, 256.0 MiB/s, 40.0 s left",
        "gpu01: model-00002-of-00005.safetensors  90 %, 18.0 GiB of 20.0 GiB, 256.0 MiB/s, 8.0 s left",
    ]


def test_waiting_is_a_line_now_and_then_in_a_pipe() -> None:
    now = [0.0]
    out = io.StringIO()
    console = Console(out, clock=lambda: now[0])
    console(RunStarted("r", "p", ("gpu01",), False))
    for second in range(70):
        now[0] = second
        console(Progress("gpu01", "waiting for the service", second, 1801, "s"))
    told = [text for text in out.getvalue().splitlines() if "waiting" in text]
    assert told == [
        "gpu01: waiting for the service  10.0 s of at most 30:01 min",
        "gpu01: waiting for the service  30.0 s of at most 30:01 min",
        "gpu01: waiting for the service  1:00 min of at most 30:01 min",
    ]


def test_what_hosts_say_is_shown_when_asked_for() -> None:
    told: list[Event] = [RunStarted("r", "p", ("a",), False), Doing("a", "look", "weights"), LogLine("a", "hello")]
    assert "hello" not in printed(told)
    assert printed(told, verbosity=1).splitlines()[1:] == ["a: looking weights", "a: hello"]


def test_a_live_terminal_is_left_in_order() -> None:
    out = io.StringIO()
    console = Console(out, terminal=True, width=80)
    for event in runs.events(runs.result(runs.REPAIRED))[:4]:
        console(event)
    console.close()
    console.close()
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_events_may_come_from_a_run_that_was_never_announced() -> None:
    assert printed([Progress("a", "x", 1, 0, "bytes"), HostDone(runs.HEALTHY)]) == ""
