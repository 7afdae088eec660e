"""A fleet of 800 hosts with twelve outcomes and a path of its own on each: what a tired reader gets to read."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest

from autoglm_fix.engine.results import Fault, HostResult, HostStatus, RunResult, StepResult, StepStatus
from autoglm_fix.report.lines import cells
from autoglm_fix.report.outcome import outcomes

from . import runs
from .test_console import printed, summary


def own(step: StepResult, n: int) -> StepResult:
    """The step on a host whose model has a folder of its own."""
    subject = f"/srv/tenant-{n}/models/x/model-0000{n % 4 + 1}-of-00005.safetensors"
    findings = tuple(msgspec.structs.replace(each, subject=subject) for each in step.findings)
    left = tuple(msgspec.structs.replace(each, subject=subject) for each in step.remaining)
    changes = tuple(replace(each, target=f"/srv/tenant-{n}/models/x") for each in step.changes)
    return replace(step, findings=findings, remaining=left, changes=changes)


def failed(n: int, code: str, reason: str) -> HostResult:
    error = Fault(code, {"reason": reason}, (f"{reason}: line {n}",))
    step = replace(runs.WEIGHTS_STEP, status=StepStatus.FAILED, error=error)
    return runs.host("h", HostStatus.FAILED, own(step, n), symptom="hang", cause=runs.MISSING.code)


def lost(reason: str) -> HostResult:
    return runs.host("h", HostStatus.UNREACHABLE, error=Fault("sample.unreachable", {"reason": reason}))


def ended(n: int) -> tuple[int, HostResult]:
    """One of twelve outcomes, and how many of a hundred hosts have it."""
    mended, unset = own(runs.step_fixed(runs.WEIGHTS_STEP), n), own(runs.step_fixed(runs.SETTINGS_STEP), n)
    unfixed, unknown = own(runs.UNFIXED_STEP, n), runs.UNKNOWN_STEP
    kinds = [
        (1, failed(n, "sample.could-not-tell", f"the disk of /srv/tenant-{n} is read-only")),
        (1, failed(n, "sample.could-not-tell", f"/srv/tenant-{n}: no space left on device")),
        (2, failed(n, "sample.could-not-tell", "the unit is masked")),
        (3, runs.host("h", HostStatus.UNFIXED, unfixed, symptom="empty", cause=runs.MISSING.code, proof=runs.NO_PROOF)),
        (2, runs.host("h", HostStatus.UNFIXED, unfixed, unknown, symptom="empty", cause=runs.MISSING.code)),
        (4, lost("no route to host")),
        (3, lost("the host key has changed")),
        (2, runs.host("h", HostStatus.UNKNOWN, unknown)),
        (6, runs.host("h", HostStatus.UNPROVED, mended, symptom="empty", cause=runs.MISSING.code)),
        (16, replace(runs.REPAIRED, steps=(mended, unset))),
        (10, replace(runs.REPAIRED, steps=(mended,))),
        (50, runs.HEALTHY),
    ]
    share = n % 100
    for weight, each in kinds:
        if share < weight:
            return weight, each
        share -= weight
    raise AssertionError(n)


def fleet() -> RunResult:
    return runs.result(*(replace(ended(n)[1], name=f"gpu{n:03}") for n in range(800)))


def test_twelve_outcomes_of_800_hosts_fit_on_a_page() -> None:
    run = fleet()
    assert {status: len([each for each in outcomes(run) if each.first.status is status]) for status in HostStatus} == {
        **dict.fromkeys(HostStatus, 0),
        HostStatus.FAILED: 3,
        HostStatus.UNFIXED: 2,
        HostStatus.UNREACHABLE: 2,
        HostStatus.UNPROVED: 1,
        HostStatus.UNKNOWN: 1,
        HostStatus.VERIFIED: 3,
    }
    told = summary(run).splitlines()
    assert len(told) <= 82
    assert max(map(cells, told)) < 180
    heads = [text for text in told if re.match(r"gpu\S+ \(\d+ hosts\): ", text)]
    assert sum(int(text.partition("(")[2].split()[0]) for text in heads) == 800
    assert [text.rpartition(": ")[2] for text in heads] == [
        *(["failed"] * 3 + ["unfixed"] * 2 + ["unreachable"] * 2),
        *(["unproved", "unknown"] + ["verified"] * 3),
    ]


@pytest.mark.parametrize("reason", ["why    the unit is masked", "no route to host", "the host key has changed"])
def test_reasons_that_differ_in_words_are_not_one(reason: str) -> None:
    assert reason in summary(fleet())


def test_what_the_last_ones_are_shown_without_is_to_be_had() -> None:
    short, whole = summary(fleet()), summary(fleet(), verbosity=1)
    assert "Of the last ones only the beginnings are shown (-v shows all)." in short
    assert "Of the last ones" not in whole
    assert (short.count("tokens came"), whole.count("tokens came")) == (0, 4)


def test_a_fleet_whose_models_lie_elsewhere_on_each_host_is_one_group() -> None:
    """Ten hosts, each with a path of its own: ten times the same was no better than once."""
    mended = [
        replace(runs.REPAIRED, name=f"gpu{n}", steps=(own(runs.step_fixed(runs.WEIGHTS_STEP), n),)) for n in range(10)
    ]
    (group,) = outcomes(runs.result(*mended))
    assert (len(group.hosts), group.exact) == (10, False)
    few = outcomes(runs.result(*mended[:3]))
    assert [each.exact for each in few] == [True] * 3


def test_the_whole_of_what_is_told_while_it_runs_fits_on_few_pages() -> None:
    assert len(printed(runs.events(fleet())).splitlines()) < 220
