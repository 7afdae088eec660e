"""Ctrl-C once and twice, with a whole fleet under way; hosts that hang while others go on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from autoglm_fix.engine.events import Doing, Event, HostStarted, RunDone
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.results import RunResult

from .fakes import FakeHost, fleet, named, statuses


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hosts that hang wait for; at the end of a test they may all go."""
    event = threading.Event()
    yield event
    event.set()


@dataclass
class CtrlC:
    """A listener that presses it at the n-th event of a kind, ``times`` in a row. ``stop`` is set by the first."""

    kind: type
    at: int
    times: int = 1
    phase: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    events: list[Event] = field(default_factory=list)
    seen: int = 0

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, self.kind) and getattr(event, "phase", self.phase) == self.phase:
            self.seen += 1
            for _ in range(self.times if self.seen == self.at else 0):
                os.kill(os.getpid(), signal.SIGINT)
                self.stop.wait(60)  # two signals at once would be one


def press(hosts: dict[str, FakeHost], pressed: CtrlC, limits: Limits | None = None, forks: int = 50) -> RunResult:
    return fleet(hosts, limits=limits, listen=pressed, stop=pressed.stop, forks=forks)


def test_ctrl_c_while_fifty_hosts_are_being_connected_to_ends_the_run_with_a_report(gate: threading.Event) -> None:
    hosts = named(*(FakeHost("bad", connected=gate) for _ in range(80)))
    pressed = CtrlC(HostStarted, 50)
    result = press(hosts, pressed)
    assert (result.exit_code, result.counts) == (130, {"interrupted": 50, "untouched": 30})
    assert isinstance(pressed.events[-1], RunDone)
    gate.set()
    assert not any(host.began for host in hosts.values())


def test_ctrl_c_lets_the_host_that_is_being_changed_come_to_its_end_and_starts_no_other() -> None:
    hosts = named(*(FakeHost("bad") for _ in range(4)))
    result = press(hosts, CtrlC(Doing, 2, phase="apply"), Limits(serial=(1,)))
    assert result.exit_code == 130
    assert [host.text for host in hosts.values()] == ["good", "good", "bad", "bad"]
    assert statuses(result) == {"gpu01": "clean", "gpu02": "clean", "gpu03": "interrupted", "gpu04": "interrupted"}


def test_ctrl_c_waits_for_no_host_that_hangs_while_it_is_looked_at(gate: threading.Event) -> None:
    hosts = {"hung": FakeHost("bad", deaf_at="collect", released=gate), **named(*(FakeHost() for _ in range(3)))}
    result = press(hosts, CtrlC(Doing, 4, phase="start"), forks=2)
    assert (result.exit_code, statuses(result)["hung"]) == (130, "interrupted")


def test_a_second_ctrl_c_leaves_at_once_and_says_what_is_not_known(gate: threading.Event) -> None:
    hosts = {"hung": FakeHost("bad", deaf_at="apply", released=gate), "other": FakeHost("bad")}
    pressed = CtrlC(Doing, 1, times=2, phase="apply")
    result = press(hosts, pressed, Limits(serial=(1,)), forks=1)
    assert (result.exit_code, statuses(result)) == (130, {"hung": "ambiguous", "other": "interrupted"})
    error = result.hosts["hung"].error
    assert error is not None
    assert error.code == "run.abandoned"
    last = len(pressed.events)
    assert isinstance(pressed.events[-1], RunDone)
    gate.set()
    assert len(pressed.events) == last


def test_ctrl_c_is_the_operators_own_again_after_the_run() -> None:
    before = signal.getsignal(signal.SIGINT)
    fleet(named(FakeHost("bad")))
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_at_the_question_changes_nothing_and_still_reports() -> None:
    hosts = named(FakeHost("bad"))

    def ask(_plans: object) -> bool:
        raise KeyboardInterrupt

    result = fleet(hosts, approve=ask)
    assert (result.exit_code, statuses(result), hosts["gpu01"].text) == (130, {"gpu01": "interrupted"}, "bad")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_a_listener_does_wrong_is_raised_where_the_run_was_begun() -> None:
    def listen(event: Event) -> None:
        if isinstance(event, HostStarted):
            raise SystemExit(7)

    with pytest.raises(SystemExit):
        fleet(named(FakeHost()), listen=listen)
