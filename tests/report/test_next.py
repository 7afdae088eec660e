"""The last lines of a summary: what to type next, once for all groups of hosts of which the same is to be typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoglm_fix.engine.results import Fault, HostResult, HostStatus, StepResult, StepStatus

from . import runs
from .test_console import summary

RUN = "autoglm-fix run playbooks/no-output.yml"


def of(status: HostStatus, *names: str, error: Fault | None = None, step: StepResult | None = None) -> list[HostResult]:
    """Hosts that ended alike."""
    return [HostResult(name, status, error=error, steps=(step,) if step else ()) for name in names]


def unknown(name: str) -> StepResult:
    return StepResult("p", name, "", "weights", StepStatus.UNKNOWN, error=Fault("run.unknown", {"reason": name}))


REFUSED = Fault("link.refused", {"host": "h", "hostname": "h", "port": 22})
SILENT = Fault("link.no-banner", {"host": "h", "seconds": "10"})
AWAY = of(HostStatus.UNREACHABLE, "gpu07", "gpu08", error=REFUSED)
SLOW = of(HostStatus.UNREACHABLE, "gpu09", error=SILENT)
DIM = of(HostStatus.UNKNOWN, "gpu03", "gpu04", step=unknown("one"))
DARK = of(HostStatus.UNKNOWN, "gpu05", step=unknown("two"))
CLEAN = of(HostStatus.CLEAN, "gpu01", "gpu02")
ONCE = "Once gpu[07:09] (3 hosts) can be reached:"


@pytest.mark.parametrize(
    ("hosts", "dry_run", "expected"),
    [
        (
            [*CLEAN, *DIM, *DARK, *AWAY, *SLOW],
            True,
            [
                "For a closer look, at one host of each kind:",
                f"  {RUN} -l gpu03,gpu05 --dry-run -v",
                ONCE,
                f"  {RUN} -l 'gpu[07:09]' --dry-run",
            ],
        ),
        (
            [*CLEAN, *DIM, *AWAY],
            False,
            [
                "To repeat this run where it did not end well:",
                f"  {RUN} -l @failed:{runs.RUN}",
                "For a closer look:",
                f"  {RUN} -l gpu03 --dry-run -v",
            ],
        ),
        ([*AWAY, *SLOW], False, [ONCE, f"  {RUN}"]),
        ([*AWAY, *SLOW], True, [ONCE, f"  {RUN} --dry-run"]),
        (SLOW, True, ["What to do next:", f"  {RUN} -l gpu09 --dry-run -v"]),
        (CLEAN, True, []),
    ],
    ids=["a fleet", "a run that can be repeated", "nobody reached", "nobody looked at", "one host", "all is well"],
)
def test_one_look_is_offered_for_all_that_no_advice_helps(
    hosts: list[HostResult], dry_run: bool, expected: list[str]
) -> None:
    text = summary(runs.result(*hosts, dry_run=dry_run))
    last = text.rstrip("\n").split("\n\n")[-1].splitlines()
    assert (last if expected else []) == expected
    assert text.count("autoglm-fix run") == len(expected) // 2


def test_a_closer_look_is_one_at_a_few_hosts() -> None:
    hosts = [host for n in range(20) for host in of(HostStatus.UNKNOWN, f"gpu{n}", step=unknown(f"step{n}"))]
    assert f"{RUN} -l gpu0,gpu1,gpu2,gpu3,gpu4 --dry-run -v" in summary(runs.result(*hosts, dry_run=True))


def test_what_can_be_done_of_a_step_that_stays_unfixed_is_counted_and_offered() -> None:
    step = replace(runs.SETTINGS_STEP, status=StepStatus.UNFIXED)
    text = summary(runs.result(runs.host("a", HostStatus.UNFIXED, step), dry_run=True))
    assert f"{len(step.changes)} change would be made on 1 host" in text
    assert f"To make these changes:\n  {RUN}" in text


PASSWORD = {"program": "sudo", "user": "root", "host": "gpu01"}


def test_what_a_dry_run_advises_is_a_dry_run() -> None:
    refused = of(HostStatus.FAILED, "gpu01", error=Fault("become.password-needed", PASSWORD))
    texts = {dry: summary(runs.result(*refused, dry_run=dry)).split("\n") for dry in (True, False)}
    assert f"  {RUN} --ask-become-pass --dry-run" in texts[True]
    assert f"  {RUN} --ask-become-pass" in texts[False]
