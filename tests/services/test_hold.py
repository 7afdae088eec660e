"""A host that somebody has put on hold: everything is shown, and nothing is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoglm_fix.engine.events import Event, PlansReady
from autoglm_fix.engine.results import HostStatus, StepStatus
from tests.engine.overheard import Overheard
from tests.engine.plays import Step
from tests.hosts import Host

from .several_hosts import STATE, carry_out, model, replace_channel, target
from .test_drain import undo

HOLD = "/etc/autoglm-fix/hold"
REASON = "An experiment of Li Wei\x1b[2J, until Friday"


@pytest.fixture
def folder(host: Host) -> Iterator[str]:
    yield model(host, "held")
    host.run("rm", "-rf", STATE, "/etc/autoglm-fix")


def text(host: Host, folder: str) -> str:
    return host.read(f"{folder}/model.txt")


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_found_is_shown_and_left(host: Host, folder: str, dry_run: bool) -> None:
    host.write(HOLD, REASON + "\nand a second line\n")
    asked = target(host, "gpu01", {"model": folder}, steps=[Step("text")], proved=False)
    result = carry_out(asked, dry_run=dry_run)
    (step,) = result.hosts["gpu01"].steps
    assert (step.status, len(step.findings), step.changes) == (StepStatus.UNFIXED, 1, ())
    assert [(each.code, each.values["reason"]) for each in step.declined] == [
        ("run.hold", "An experiment of Li Wei?[2J, until Friday")
    ]
    assert (result.hosts["gpu01"].status, text(host, folder)) == (HostStatus.UNFIXED, "bad")


def test_one_that_is_put_on_hold_after_it_was_looked_at_is_left_as_well(host: Host, folder: str) -> None:
    def hold(event: Event) -> None:
        if isinstance(event, PlansReady):
            host.write(HOLD, "now")

    asked = target(host, "gpu01", {"model": folder}, steps=[Step("text")], proved=False)
    result = carry_out(asked, listen=hold)
    (step,) = result.hosts["gpu01"].steps
    assert (step.status, [each.code for each in step.declined]) == (StepStatus.UNFIXED, ["run.hold"])
    assert text(host, folder) == "bad"


def test_an_undo_refuses_unless_it_is_forced(host: Host, folder: str) -> None:
    asked = target(host, "gpu01", {"model": folder}, steps=[Step("text")], proved=False)
    result = carry_out(asked)
    assert text(host, folder) == "good"
    host.write(HOLD, "")
    (refused,) = undo(host, result.run)
    assert (refused.ok, refused.error.code, text(host, folder)) == (False, "run.on-hold", "good")
    (forced,) = undo(host, result.run, force=True)
    assert (forced.ok, text(host, folder)) == (True, "bad")


def test_whether_it_is_on_hold_is_told_in_the_first_exchange(host: Host, folder: str) -> None:
    host.write(f"{folder}/model.txt", "good")
    channels: list[Overheard] = []
    asked = target(host, "gpu01", {"model": folder}, steps=[Step("text")], proved=False)
    carry_out(replace_channel(asked, channels))
    (channel,) = channels
    assert (channel.needs, channel.more_code) == ([], [])
