"""What makes a plan another one, so that it has a host of its own in the first batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoglm_fix.engine.batches import batches, likeness
from autoglm_fix.engine.results import ChangeRecord, Fault, StepResult, StepStatus

from .pair import Absent, Word

CHANGE = ChangeRecord("write_file", "/models/gpu01/config.json", "safe", "exact", "", "-a\n+b\n", code="fix.set")
STEP = StepResult(
    "play", "step", "autoglm", "text", StepStatus.PENDING, (Word(subject="/models/gpu01", word="bad"),), (CHANGE,)
)


def change(**values: Any) -> StepResult:
    return replace(STEP, changes=(replace(CHANGE, **values),))


def said(**values: str) -> StepResult:
    return change(values=values)


ALIKE = [
    (STEP, change(target="/models/gpu02/config.json", diff="-c\n+d\n")),
    (STEP, replace(STEP, findings=(Word(subject="/models/gpu02", word="bad"),))),
    (STEP, replace(STEP, findings=STEP.findings * 3, changes=STEP.changes * 3)),
    (STEP, replace(STEP, service="other", duration_s=3.0)),
    (
        replace(STEP, error=Fault("fact.timeout", {"seconds": 60})),
        replace(STEP, error=Fault("fact.timeout", {"seconds": 9})),
    ),
    (said(name="gpu01-weights"), said(name="gpu02-weights")),
    (said(to="/srv/a/b"), said(to="/mnt/c")),
    (said(option="--max-model-len 8192"), said(option="--max-model-len 4096")),
    (said(size="18.1 GiB"), said(size="7 GiB")),
    (said(gpu="GPU-8c2f41d0-1b2c"), said(gpu="GPU-9d3f52e1-2c3d")),
    (said(version="4.57.1"), said(version="4.55.0")),
]
DISTINCT = [
    (STEP, replace(STEP, name="another step")),
    (STEP, replace(STEP, findings=(Absent(subject="/models/gpu01"),))),
    (STEP, replace(STEP, changes=())),
    (STEP, replace(STEP, error=Fault("fact.timeout", {"seconds": 60}))),
    (STEP, change(kind="link")),
    (STEP, change(risk="restart")),
    (STEP, change(undo="none")),
    (STEP, change(problem="the disk is full")),
    (STEP, change(code="fix.other")),
    (said(package="vllm"), said(package="transformers")),
    (said(option="--max-model-len 8192"), said(option="--dtype half")),
]


def likenesses(first: StepResult, second: StepResult) -> tuple[Any, Any]:
    return likeness([first], ["gpu01", first.service]), likeness([second], ["gpu02", second.service])


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_plans_that_differ_in_the_hosts_own_names_paths_and_numbers_are_one(
    first: StepResult, second: StepResult
) -> None:
    one, other = likenesses(first, second)
    assert one == other


@pytest.mark.parametrize(("first", "second"), DISTINCT)
def test_plans_that_find_or_do_something_else_are_two(first: StepResult, second: StepResult) -> None:
    one, other = likenesses(first, second)
    assert one != other


def test_a_step_that_has_nothing_to_say_makes_no_plan_another_one() -> None:
    quiet = StepResult("play", "well", "autoglm", "text", StepStatus.HEALTHY)
    assert likeness([STEP, quiet]) == likeness([STEP])


def test_a_step_that_could_not_be_looked_at_makes_a_plan_another_one() -> None:
    mute = StepResult("play", "gpu", "autoglm", "gpu", StepStatus.UNKNOWN, error=Fault("fact.timeout", {}))
    assert likeness([STEP, mute]) != likeness([STEP])


@pytest.mark.parametrize(
    ("serial", "cut"),
    [
        ((1,), [["a1", "b1", "c1"], ["a2"], ["a3"], ["b2"]]),
        ((4, 1), [["a1", "b1", "c1", "a2"], ["a3"], ["b2"]]),
        (("50%", "100%"), [["a1", "b1", "c1"], ["a2", "a3", "b2"]]),
        ((), [["a1", "b1", "c1", "a2", "a3", "b2"]]),
    ],
)
def test_the_first_batch_holds_one_of_each_and_the_next_go_on_as_written(
    serial: tuple[int | str, ...], cut: list[list[str]]
) -> None:
    assert batches(["a1", "a2", "b1", "a3", "c1", "b2"], serial, lambda name: name[0]) == cut
