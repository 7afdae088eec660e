"""A host whose channel has closed: a dead agent is a failure, a dead connection is none of the host's."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.connect import ChannelClosed
from autoglm_fix.engine.lost import loss
from autoglm_fix.engine.results import HostStatus
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.engine.plays import Step, carry_out


@pytest.mark.parametrize(
    ("exit_code", "changing", "status", "code", "number"),
    [
        (None, False, HostStatus.UNREACHABLE, "run.unreachable", ""),
        (None, True, HostStatus.AMBIGUOUS, "run.ambiguous", ""),
        (137, False, HostStatus.FAILED, "start.killed", "signal 9"),
        (-9, False, HostStatus.FAILED, "start.killed", "signal 9"),
        (139, False, HostStatus.FAILED, "start.killed", "signal 11"),
        (1, False, HostStatus.FAILED, "start.died", "exit code 1"),
        (0, False, HostStatus.FAILED, "start.died", "exit code 0"),
        (255, False, HostStatus.FAILED, "start.died", "exit code 255"),
        (137, True, HostStatus.AMBIGUOUS, "run.ambiguous", ""),
    ],
)
def test_how_it_ended_says_what_the_host_has_come_to(
    exit_code: int | None, changing: bool, status: HostStatus, code: str, number: str
) -> None:
    end = ChannelClosed("it ended", ("Killed",), exit_code)
    found, fault = loss("gpu01", end, changing=changing)
    assert (found, fault.code, fault.tail) == (status, code, ("Killed",))
    assert number in Catalogue("en").text(code, **fault.values)
    for language in LANGUAGES:
        assert Catalogue(language).part(code, "advice", fault.values)


@pytest.mark.parametrize(("end", "code"), [("kill -9 $$", "start.killed"), ("exit 3", "start.died")])
def test_a_host_on_which_the_agent_dies_has_failed(tmp_path: Path, end: str, code: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho 'MemoryError' >&2\n{end}\n")
    python.chmod(0o755)
    result = carry_out(tmp_path, Step(), python=str(python))
    host = result.hosts["here"]
    assert host.error is not None
    assert (host.status, result.exit_code, host.error.code, host.error.tail) == (
        HostStatus.FAILED,
        2,
        code,
        ("MemoryError",),
    )
