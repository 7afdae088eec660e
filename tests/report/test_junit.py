"""The JUnit report: nothing that went wrong is missing from its counts."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from autoglm_fix.engine.events import RunDone
from autoglm_fix.engine.results import HostStatus, RunResult, StepStatus
from autoglm_fix.report.junit import JUnitReport

from . import runs


def written(run: RunResult) -> ET.Element:
    out = io.StringIO()
    JUnitReport(out)(RunDone(run))
    out.getvalue().encode("utf-8")
    return ET.fromstring(out.getvalue())


def counts(element: ET.Element) -> tuple[int, int, int, int]:
    tests, failures, errors, skipped = (
        int(element.get(key, "-1")) for key in ["tests", "failures", "errors", "skipped"]
    )
    return tests, failures, errors, skipped


UNPROVED = replace(
    runs.REPAIRED, status=HostStatus.UNPROVED, proof=((runs.PLAY, replace(runs.PROOF, status="unproved")),)
)
IGNORED = replace(runs.UNFIXED_STEP, ignored=True)
COUNTED = {
    "healthy": (runs.HEALTHY, (2, 0, 0, 0)),
    "repaired": (runs.REPAIRED, (3, 0, 0, 0)),
    "stuck": (runs.STUCK, (3, 2, 1, 0)),
    "dry-run": (runs.DRY, (2, 0, 0, 2)),
    "unproved": (UNPROVED, (3, 1, 0, 0)),
    "unreachable": (runs.host("a", HostStatus.UNREACHABLE, error=runs.LOST), (1, 0, 1, 0)),
    "untouched": (runs.host("a", HostStatus.UNTOUCHED), (1, 0, 1, 0)),
    "interrupted": (runs.host("a", HostStatus.INTERRUPTED), (1, 0, 1, 0)),
    "no service": (runs.host("a", HostStatus.NO_SERVICE), (1, 0, 0, 1)),
    "failed as a whole": (runs.host("a", HostStatus.FAILED, error=runs.LOST), (1, 0, 1, 0)),
    "ignored": (runs.host("a", HostStatus.CLEAN, IGNORED), (1, 0, 0, 1)),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_host_is_a_suite_that_counts_right(name: str) -> None:
    each, expected = COUNTED[name]
    root = written(runs.result(each))
    assert counts(root[0]) == expected
    assert counts(root) == expected


@pytest.mark.parametrize("status", StepStatus)
def test_every_step_status_is_written(status: StepStatus) -> None:
    assert written(runs.result(runs.host("a", HostStatus.UNKNOWN, replace(runs.WEIGHTS_STEP, status=status))))


def test_a_fleet_has_every_host() -> None:
    root = written(runs.fleet())
    assert len(root) == 800
    assert counts(root)[1:3] == (32, 25)


def test_a_failure_says_what_was_found_and_what_to_do() -> None:
    failure = written(runs.result(runs.STUCK)).find(".//failure")
    assert failure is not None
    assert failure.get("message", "").startswith("unfixed: model-00002-of-00005.safetensors (60.0 MiB) is not in")
    assert "there is no source to fetch" in (failure.text or "")
    assert "autoglm-fix run no-output -e weights_source=DIR" in (failure.text or "")


def test_the_items_of_a_loop_are_cases_of_their_own() -> None:
    step = replace(runs.WEIGHTS_STEP, items=(runs.WEIGHTS_STEP, runs.UNFIXED_STEP))
    cases = written(runs.result(runs.host("a", HostStatus.UNFIXED, step))).findall(".//testcase")
    assert [case.get("name") for case in cases] == [f"{runs.WEIGHTS} [1]", f"{runs.WEIGHTS} [2]"]


def test_what_a_host_says_is_text() -> None:
    root = written(runs.hostile())
    assert {element.tag for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}
    assert "<script>" in "".join(root.itertext())
