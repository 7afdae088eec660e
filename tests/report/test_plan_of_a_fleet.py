"""What a plan says of what hosts share, and of the bytes that move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoglm_fix.engine.batches import batches
from autoglm_fix.engine.events import HostPlan
from autoglm_fix.engine.results import ChangeRecord, Fault, StepResult, StepStatus
from autoglm_fix.report.plan import PlanView
from autoglm_fix.report.words import Words

GIB = 1 << 30
FETCH = ChangeRecord("fetch_file", "/models/x", "safe", "exact", "fetch it", "", size=10 * GIB)


def said(**changes: ChangeRecord) -> str:
    """The plan of hosts, each with one change."""
    plans = [
        HostPlan(host, (StepResult("play", "step", "autoglm", "weights", StepStatus.PENDING, changes=(change,)),))
        for host, change in changes.items()
    ]
    return "\n".join(line.plain for line in PlanView(Words(), whole=False).lines(plans))


def test_what_each_host_fetches_for_itself_adds_up() -> None:
    small = replace(FETCH, size=GIB)
    assert "Bytes that are fetched: 21.0 GiB in all, 10.0 GiB at most by one host." in said(a=FETCH, b=FETCH, c=small)


def test_what_hosts_share_is_fetched_once_and_says_who_shares_it() -> None:
    shared = replace(FETCH, shared="nas:/models/x")
    told = said(gpu01=shared, gpu02=shared)
    assert "share: changed once, by the first that needs it" in told
    assert "10.0 GiB in all" in told


def test_nothing_is_said_where_nothing_moves_and_nobody_shares() -> None:
    told = said(a=replace(FETCH, kind="link", size=None, shared="nas:/models/x"))
    assert "share" not in told
    assert "Bytes" not in told


RESTART = ChangeRecord("restart", "/x", "restart", "state", "restart it", "", code="restart.restart")


def distinct(count: int, *, apart: int = 1) -> list[HostPlan]:
    """Hosts whose plans differ in a path, and ``apart`` kinds of them in what is done."""
    links = [
        ChangeRecord("link", f"/m/{n}", "safe", "exact", f"link {n}", f"+/m/{n}", code=f"sample.link-{n % apart}")
        for n in range(count)
    ]
    return [
        HostPlan(f"gpu{n:03}", (StepResult("play", "step", "autoglm", "weights", StepStatus.PENDING, changes=(each,)),))
        for n, each in enumerate(links)
    ]


def lines(plans: list[HostPlan], verbosity: int = 0, **order: Any) -> list[str]:
    view = PlanView(Words(), whole=False, verbosity=verbosity)
    return [line.plain for line in view.lines(plans, **order)]


def test_800_plans_that_differ_in_a_path_fit_on_a_screen() -> None:
    told = lines(distinct(800))
    assert len(told) < 24
    assert told[0] == "Plan for gpu[000:799] (800 hosts)"
    assert "  These hosts differ in paths or numbers; what is shown is gpu000 (-v shows each)." in told


def test_many_distinct_plans_are_a_line_each_after_the_first_ones() -> None:
    told = lines(distinct(19, apart=19))
    assert sum(text.startswith("Plan for ") for text in told) == 19
    assert told[-2].startswith("Of the last ones only the changes are shown")
    assert len(told) < 19 * 2 + 6 * 5
    assert not any("only the changes" in text for text in lines(distinct(19, apart=19), verbosity=1))


def test_of_too_many_plans_only_what_comes_in_many_variants_is_folded() -> None:
    scattered = distinct(24)
    others = [
        replace(plan, host=f"odd{n}", steps=(replace(plan.steps[0], changes=(replace(RESTART, diff=f"+{n}"),)),))
        for n, plan in enumerate(scattered[:2])
    ]
    told = lines([*scattered, *others, *(replace(plan, host=plan.host + "b") for plan in others)])
    headings = [text for text in told if text.startswith("Plan for ")]
    assert headings[0] == "Plan for gpu[000:023] (24 hosts)"
    assert [heading.split(" (")[0] for heading in headings[1:]] == ["Plan for odd0,odd0b", "Plan for odd1,odd1b"]


@pytest.mark.parametrize(
    "differs",
    [
        {"values": {"option": "--dtype half"}},
        {"code": "sample.other"},
        {"problem": "the disk is full"},
        {"undo": "none"},
        {"kind": "remove_file"},
    ],
    ids=lambda differs: next(iter(differs)),
)
def test_what_is_folded_is_tried_out_in_the_first_batch(differs: dict[str, Any]) -> None:
    plans = distinct(40)
    plans[10:20] = [
        replace(
            plan,
            steps=tuple(
                replace(step, changes=tuple(replace(each, **differs) for each in step.changes)) for step in plan.steps
            ),
        )
        for plan in plans[10:20]
    ]
    first = [plan.host for plan in batches(plans, (1,), lambda plan: plan.kind)[0]]
    assert first == ["gpu000", "gpu010"]
    headings = [text for text in lines(plans) if text.startswith("Plan for ")]
    # The thirty are folded; ten of the other kind are few enough to be said each.
    assert headings[0] == "Plan for gpu[000:009,020:039] (30 hosts)"
    assert headings[1:] == [f"Plan for gpu{n:03}" for n in range(10, 20)]


def test_a_host_on_which_something_could_not_be_told_is_not_folded_with_those_where_it_could() -> None:
    plans = distinct(30)
    mute = StepResult("play", "GPU", "autoglm", "gpu", StepStatus.UNKNOWN, error=Fault("fact.timeout", {"seconds": 9}))
    plans[29] = replace(plans[29], steps=(*plans[29].steps, mute))
    assert [text for text in lines(plans) if text.startswith("Plan for ")] == [
        "Plan for gpu[000:028] (29 hosts)",
        "Plan for gpu029",
    ]


def test_the_first_batch_is_named() -> None:
    cut = (("gpu001", "gpu017", "gpu444"), ("gpu002", "gpu003"), ("gpu004",))
    assert lines(distinct(6), batches=cut)[-1] == (
        "First: gpu[001,017,444] (3 hosts), with one of every kind of plan; then 3 hosts in 2 batches."
    )
    assert "First:" not in "\n".join(lines(distinct(6), batches=cut[:1]))


def test_what_is_interrupted_says_how_many_at_a_time() -> None:
    steps = (StepResult("play", "step", "autoglm", "weights", StepStatus.PENDING, changes=(RESTART,)),)
    told = lines([HostPlan(f"gpu{n}", steps) for n in range(40)], most_out="25%")
    assert told[-1] == (
        "It interrupts 40 services (autoglm); of the replicas of one model that answer, at most 25% at a time."
    )
