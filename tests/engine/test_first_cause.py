"""The cause of a service's trouble: the error that explains the others, never what only follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.cuda_driver_findings import Mismatch
from autoglm_fix.diagnostics.cuda_findings import Float16
from autoglm_fix.diagnostics.cuda_reach_findings import Hidden
from autoglm_fix.diagnostics.dependencies_findings import Breaks, PrescribedConflict
from autoglm_fix.diagnostics.generation_config_findings import NoRoom as NoRoomForAnswer
from autoglm_fix.diagnostics.service_findings import (
    Crashed,
    Down,
    Failed,
    NotStarted,
    OutOfMemory,
    PortTaken,
    Restarting,
    Stale,
    StartLimit,
    TimedOut,
)
from autoglm_fix.diagnostics.vram_findings import NoRoom, PicturesExceed
from autoglm_fix.diagnostics.weights_findings import Zeroed
from autoglm_fix.engine.verdict import first_cause

NAME = "autoglm.service"
DOWN = Down(subject=NAME, manager="systemd", state="stopped", look="", log=[])
FAILED = Failed(subject=NAME, exit="1", ago="3 s", look="", log=[])
BY_HAND = NotStarted(subject=NAME, endpoint="", command="")
AGAIN = Restarting(subject=NAME, restarts=5, exit="1", look="", log=[])
LIMIT = StartLimit(subject=NAME, look="")
TIMED_OUT = TimedOut(subject=NAME, reason="timeout", limit="30 s")
STALE = Stale(subject=NAME, differs=["argv"], since="1 h")
KILLED = OutOfMemory(subject=NAME, exit="SIGKILL")
PORT = PortTaken(subject=NAME, line="[Errno 98]")
MISMATCH = Mismatch(subject="NVIDIA driver", module="580.65.06", library="580.95.05")
HIDDEN = Hidden(subject="CUDA_VISIBLE_DEVICES", variable="CUDA_VISIBLE_DEVICES", value="", count=1)
FLOAT16 = Float16(subject="--dtype", model="glm", card="Tesla T4", capability="7.5")
BREAKS = Breaks(subject="vllm + transformers", together=[], signature="", source="")
PRESCRIBED = PrescribedConflict(subject="vllm + transformers", together=[], wanted=[], stacks=[], source="")
SHORT = NoRoom(
    subject="GPU 0",
    wanted=0,
    room=0,
    need=0,
    length=0,
    longest=0,
    weights=0,
    beside=0,
    total=0,
    free=0,
    share=0.9,
)
PICTURES = PicturesExceed(subject="--limit-mm-per-prompt", pictures=10, tokens=1, length=1)
ZEROED = Zeroed(subject="a", file="a", host="a", tensor="t", bytes_zero=1, expected_size=None, sha256=None)
NO_ANSWER = NoRoomForAnswer(subject="a", file="a", host="a", setting="max_new_tokens", value="0", room=1)


def crashed(step: str) -> Crashed:
    return Crashed(subject=NAME, cause="x", line="x", step=step, look="")


@pytest.mark.parametrize(
    ("findings", "cause"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([PRESCRIBED, PICTURES], None, id="no error"),
        pytest.param([FAILED], FAILED, id="that it does not run, where nothing else is found"),
        pytest.param([crashed(""), FAILED], crashed(""), id="what its log says comes before that it failed"),
        pytest.param([SHORT, FAILED], SHORT, id="what keeps it from starting, not that it failed"),
        pytest.param([HIDDEN, crashed("cuda"), FAILED], HIDDEN, id="also what makes others only slow"),
        pytest.param([PICTURES, PRESCRIBED, BREAKS, DOWN], BREAKS, id="an error, not a warning"),
        pytest.param([BREAKS, SHORT, crashed("vram"), FAILED], SHORT, id="what its log points to, not the first step"),
        pytest.param([MISMATCH, SHORT, crashed("dependencies"), AGAIN], MISMATCH, id="a log that points nowhere"),
        pytest.param([SHORT, AGAIN, LIMIT], SHORT, id="not that its manager has given up"),
        pytest.param([SHORT, TIMED_OUT, FAILED], SHORT, id="not that it was not up in time"),
        pytest.param([SHORT, BY_HAND], SHORT, id="not that nobody has started it"),
        pytest.param([NO_ANSWER, DOWN], DOWN, id="no answer comes of one that does not run, whatever it would say"),
        pytest.param([ZEROED, FLOAT16, crashed(""), FAILED], crashed(""), id="garbage is no reason for a crash"),
        pytest.param([NO_ANSWER, ZEROED], NO_ANSWER, id="of one that runs, what hides the rest"),
        pytest.param([ZEROED, STALE], ZEROED, id="of one that runs, what a caller sees"),
        pytest.param([STALE], None, id="not that it runs with something old"),
        pytest.param([PORT, FAILED], PORT, id="what the service's own step knows of the cause"),
        pytest.param([NO_ANSWER, KILLED, FAILED], KILLED, id="that the kernel ended it"),
    ],
)
def test_the_cause_is(findings: Sequence[Finding], cause: Finding | None) -> None:
    assert first_cause(findings) == cause
