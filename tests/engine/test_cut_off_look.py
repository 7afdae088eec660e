"""Ctrl-C while what was changed is looked at again: an answer that never came tells nothing of its step."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from autoglm_fix.engine.events import ChangeMade, Doing, Event, StepDone
from autoglm_fix.engine.results import HostStatus, StepStatus

from .plays import Step, carry_out


@pytest.mark.parametrize("later", [[], [Step(name="later")]])
def test_a_host_whose_second_look_is_cut_off_is_interrupted_and_its_steps_are_not_judged(
    tmp_path: Path, later: list[Step]
) -> None:
    text = tmp_path / "model.txt"
    text.write_text("bad")
    stop = threading.Event()
    events: list[Event] = []

    def interrupt(event: Event) -> None:
        events.append(event)
        if isinstance(event, ChangeMade):
            text.unlink()
            os.mkfifo(text)  # whoever reads it waits until the look is cut off
        if isinstance(event, Doing) and event.phase == "check":
            os.kill(os.getpid(), 2)
            stop.wait(60)

    result = carry_out(tmp_path, Step(), *later, listen=interrupt, stop=stop)
    host = result.hosts["here"]
    assert (result.exit_code, host.status) == (130, HostStatus.INTERRUPTED)
    step = host.steps[0]
    assert (step.status, step.error) == (StepStatus.PENDING, None)
    assert [(change.kind, change.made) for change in step.changes] == [("write_file", True)]
    assert all(each.status is not StepStatus.UNKNOWN for each in host.steps)
    assert not [event for event in events if isinstance(event, StepDone)]
