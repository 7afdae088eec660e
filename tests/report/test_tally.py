"""A fleet as it happens: what is counted, what is named at once, and who is at something for long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from autoglm_fix.engine.events import (
    BatchStarted,
    ChangeMade,
    Doing,
    Event,
    HostLookedAt,
    HostLost,
    HostPlan,
    HostSettled,
    HostStarted,
    PlansReady,
    RunStarted,
    StepDone,
)
from autoglm_fix.engine.results import Fault, HostStatus, StepStatus
from autoglm_fix.report.flights import Flights
from autoglm_fix.report.happening import Happening
from autoglm_fix.report.outcome import status_name
from autoglm_fix.report.tally import Tally
from autoglm_fix.report.words import Words

from . import runs
from .test_console import printed

HOSTS = tuple(f"gpu{number:03}" for number in range(800))
START = RunStarted("r", "p", HOSTS, False)
PLANS = PlansReady(tuple(HostPlan(name, ()) for name in HOSTS))


def counted(told: Iterable[Event], language: str = "en") -> str:
    tally = Tally(Words(language))
    for event in told:
        tally.update(event)
    return tally.text()


def no_route(host: str, reason: str = "no route to host") -> HostLost:
    return HostLost(host, Fault("run.unreachable", {"reason": reason}))


def test_looking_is_counted_with_those_that_were_lost() -> None:
    assert counted([START]) == "0 of 800 hosts looked at"
    assert counted([START, HostLookedAt("gpu000")]) == "1 of 800 hosts looked at"
    assert counted([START, no_route("gpu000"), HostLookedAt("gpu000")]) == "1 of 800 hosts looked at, 1 lost"


def test_changing_is_counted_by_batch_and_by_what_did_not_end_well() -> None:
    settled = [HostSettled(name, HostStatus.VERIFIED) for name in HOSTS[:14]]
    bad = [HostSettled("a", HostStatus.FAILED), HostSettled("b", HostStatus.AMBIGUOUS)]
    told = [START, PLANS, BatchStarted(2, 5, HOSTS[:16]), *settled, *bad]
    assert counted(told) == "batch 2 of 5: 16 of 800 hosts done, 1 failed, 1 ambiguous"
    assert counted(told, "zh") == "第 2 批，共 5 批：800 台主机中已完成 16 台，1 台失败，1 台结果不明"


def test_the_next_play_counts_anew() -> None:
    told = [START, *map(HostLookedAt, HOSTS), PLANS, HostSettled("gpu000", HostStatus.CLEAN), HostLookedAt("gpu000")]
    assert counted(told) == "1 of 800 hosts looked at"


def test_each_reason_is_named_once_and_at_once() -> None:
    told = [no_route(name, "timed out" if number % 2 else "refused") for number, name in enumerate(HOSTS)]
    lost = [text for text in printed([START, *told]).splitlines() if "given up:" in text]
    assert lost == ["gpu000: given up: no connection: refused", "gpu001: given up: no connection: timed out"]


def test_reasons_without_end_are_not_all_named() -> None:
    told = [no_route(name, "x" * number) for number, name in enumerate(HOSTS)]
    assert sum("given up:" in text for text in printed([START, *told]).splitlines()) == 21


def test_a_step_that_fails_in_another_way_is_named_as_well() -> None:
    problems = ["No space left on device", "Read-only file system", "No space left on device"]
    changes: list[Event] = [
        ChangeMade(name, "step", runs.replace(runs.LINK, problem=problem))
        for name, problem in zip(HOSTS[:3], problems, strict=True)
    ]
    steps: list[Event] = [
        StepDone(
            name,
            runs.replace(runs.WEIGHTS_STEP, status=StepStatus.FAILED, error=Fault("run.unknown", {"reason": problem})),
        )
        for name, problem in zip(HOSTS[:3], problems, strict=True)
    ]
    told = printed([START, *changes, *steps]).splitlines()
    assert sum("could not link" in text for text in told) == 2
    assert sum("failed:" in text for text in told) == 2


def late(told: Iterable[tuple[float, Event]], at: Iterable[float], language: str = "en") -> list[list[str]]:
    """What is said of hosts at work for long, whenever it is looked."""
    now = [0.0]
    words = Words(language)
    tally = Tally(words)
    flights = Flights(words, lambda: now[0], tally)
    happening = Happening(words, flights, tally, lambda: now[0], verbosity=0, live=False)
    for seconds, event in [(0.0, START), *told]:
        now[0] = seconds
        tally.update(event)
        flights.update(event)
    said = []
    for seconds in at:
        now[0] = seconds
        said.append([line.plain for line in happening.overdue()])
    return said


def test_a_hung_host_is_named_with_what_it_does_and_for_how_long() -> None:
    hung = [(0.0, HostStarted("gpu017")), (1.0, Doing("gpu017", "look", "autoglm")), (2.0, HostStarted("gpu018"))]
    assert late(hung, [10, 33, 40, 62, 700]) == [
        [],
        ["gpu017: still looking autoglm after 30.0 s", "gpu018: still connecting after 30.0 s"],
        [],
        ["gpu017: still looking autoglm after 1:00 min", "gpu018: still connecting after 1:00 min"],
        ["gpu017: still looking autoglm after 10:00 min", "gpu018: still connecting after 10:00 min"],
    ]


def test_hosts_that_hang_alike_are_one_line() -> None:
    hung = [(0.0, HostStarted(name)) for name in HOSTS[:64]]
    assert late(hung, [31]) == [["gpu[000:063] (64 hosts): still connecting after 30.0 s"]]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_batch_is_named(terminal: bool) -> None:
    text = printed([START, PLANS, BatchStarted(2, 5, HOSTS[:16])], terminal=terminal, width=120)
    assert "batch 2 of 5" in text and "gpu[000:015] (16 hosts)" in text


def test_a_host_that_nobody_got_into_has_left_nothing_out() -> None:
    skipped = replace(runs.WEIGHTS_STEP, status=StepStatus.SKIPPED, findings=(), changes=())
    left_out = runs.host("a", HostStatus.CLEAN, skipped)
    assert status_name(left_out) == "left-out"
    refused = Fault("sample.unreachable", {"reason": "no password"})
    assert status_name(replace(left_out, error=refused, status=HostStatus.FAILED)) == "failed"
