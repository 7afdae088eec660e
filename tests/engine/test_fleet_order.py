"""The order of a fleet: what the first hosts say of those like them, a second look, and what is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from autoglm_fix.engine.events import Doing, Event, HostLookedAt
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import HostWalk

from .fakes import FakeHost, fleet, named, statuses
from .pair import MEND
from .plays import BoundFix, Step, relink
from .test_fleet import broken, changed


def test_those_like_a_first_host_that_failed_are_left_while_others_go_on() -> None:
    """A change that fails where it is tried first would fail on every host that has the same plan."""
    works = {f"a{n:02}": FakeHost("bad") for n in range(8)}
    fails = {f"b{n:02}": FakeHost(None, cures=False) for n in range(8)}
    hosts = {**works, **fails}
    result = fleet(hosts, Step(fixes=[BoundFix(MEND), relink("/elsewhere")]), limits=Limits(serial=(1, "25%", "100%")))
    assert (changed(works), changed(fails)) == ("x" * 8, "x.......")
    assert result.counts == {"clean": 8, "failed": 1, "untouched": 7}
    error = result.hosts["b07"].error
    assert error is not None
    assert (error.code, dict(error.values)) == ("run.untouched-canary", {"host": "b00"})


def test_a_first_host_that_never_got_to_its_plan_says_nothing_of_those_like_it() -> None:
    class Locked(FakeHost):
        def reply(self, message: Mapping[str, Any]) -> Any:
            answer = super().reply(message)
            return {"held_by": "somebody", "last": ""} if message["verb"] == "lock" else answer

    hosts = {**named(FakeHost("bad")), "locked": Locked(None), "alike": FakeHost(None)}
    result = fleet(hosts, Step(fixes=[BoundFix(MEND), relink("/elsewhere")]), limits=Limits(serial=(1, "100%")))
    assert statuses(result) == {"gpu01": "clean", "locked": "failed", "alike": "clean"}


def test_of_several_first_hosts_with_one_plan_one_that_is_well_is_enough() -> None:
    hosts = {**broken("-+++"), "other": FakeHost(None)}
    fleet(hosts, Step(fixes=[BoundFix(MEND), relink("/elsewhere")]), limits=Limits(serial=(3, "100%")))
    assert changed(hosts) == "xxxxx"


@pytest.fixture
def deeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed proof makes of a host is tested with services; here a deeper look finds a fault on those that
    were well, and the last one of them is never cured."""
    monkeypatch.setattr(HostWalk, "asks_for_more", property(lambda walk: walk.target.name.startswith("deep")))

    def look_deeper(walk: HostWalk) -> bool:
        host = DEEP[walk.target.name]
        host.text, host.cures = "bad", walk.target.name != "deep1"
        walk.look_anew()
        return walk.has_changes

    monkeypatch.setattr(HostWalk, "look_deeper", look_deeper)


DEEP = {f"deep{n}": FakeHost() for n in (1, 2, 3)}


@pytest.mark.usefixtures("deeper")
def test_no_other_host_begins_in_a_deeper_look_once_too_many_have_failed() -> None:
    DEEP.update({name: FakeHost() for name in DEEP})
    hosts = {**broken("-"), **DEEP}
    result = fleet(hosts, limits=Limits(serial=(1,), any_errors_fatal=True))
    assert changed(hosts) == "x..."
    assert statuses(result)["deep1"] == "clean"


@pytest.mark.usefixtures("deeper")
def test_where_every_host_of_a_batch_failed_a_deeper_look_helps_those_that_were_changed() -> None:
    DEEP.update({name: FakeHost() for name in DEEP})
    hosts = {"deep2": FakeHost("bad", cures=False)}
    DEEP["deep2"] = hosts["deep2"]
    fleet(hosts)
    assert hosts["deep2"].text == "good"


@pytest.mark.usefixtures("deeper")
def test_a_deeper_look_that_ends_in_too_many_failures_is_followed_by_no_other_play() -> None:
    DEEP.update({name: FakeHost() for name in DEEP})
    hosts = {**broken("+"), **DEEP}
    everybody = tuple(hosts)
    limits = Limits(serial=(1,), any_errors_fatal=True)
    plays = [(everybody, limits, [Step("one")]), (("gpu01", "deep3"), Limits(), [Step("two")])]
    result = fleet(hosts, plays=plays)
    assert changed(hosts) == "xx.."
    assert statuses(result) == {"gpu01": "interrupted", "deep1": "failed", "deep2": "untouched", "deep3": "untouched"}
    assert [step.name for step in result.hosts["gpu01"].steps] == ["one"]


@pytest.mark.usefixtures("deeper")
def test_what_the_first_pass_has_changed_is_never_called_untouched() -> None:
    DEEP.update({name: FakeHost("bad") for name in DEEP})
    hosts = dict(DEEP)
    result = fleet(hosts, limits=Limits(serial=(1,), any_errors_fatal=True))
    assert changed(hosts) == "xxx"
    assert statuses(result)["deep1"] == "failed"
    assert "untouched" not in statuses(result).values()


def test_what_a_host_waits_for_others_is_none_of_its_time() -> None:
    """However long the machine takes over the one, the other keeps it waiting for many times as long."""
    gate, began = threading.Event(), time.monotonic()
    hosts = {"hung": FakeHost(connected=gate), "well": FakeHost()}

    def listen(event: Event) -> None:
        if isinstance(event, HostLookedAt) and event.host == "well":
            threading.Timer(max(2.0, 10 * (time.monotonic() - began)), gate.set).start()

    result = fleet(hosts, listen=listen)
    assert result.hosts["well"].duration_s < result.hosts["hung"].duration_s
    assert result.hosts["well"].duration_s < result.duration_s / 2


def test_a_host_that_has_not_been_heard_is_waited_for_by_name() -> None:
    told: list[tuple[str, str]] = []

    def listen(event: Event) -> None:
        if isinstance(event, Doing):
            told.append((event.phase, event.what))

    fleet(named(FakeHost()), listen=listen)
    assert told == [("start", ""), ("look", "model")]
