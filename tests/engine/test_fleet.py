"""The order of a fleet: who is started when, and who is not any more. Tables of failures and limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from typing import Any

import pytest

from autoglm_fix.engine.events import Event, HostSettled, HostStarted, PlansReady
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.results import RunResult

from .fakes import FakeHost, fleet, named, statuses
from .pair import MEND
from .plays import BoundFix, Step, relink


def broken(cures: str) -> dict[str, FakeHost]:
    """Hosts with something to change, named by number: ``+`` where the change cures, ``-`` where it does not."""
    return named(*(FakeHost("bad", cures=each == "+") for each in cures))


def changed(hosts: Mapping[str, FakeHost]) -> str:
    """Where the changes were begun, as ``x``."""
    return "".join("x" if host.was_changed else "." for host in hosts.values())


# As ansible-playbook decides, with a task that fails on the hosts that are not cured: who was started.
AS_ANSIBLE: Sequence[tuple[tuple[int | str, ...], str, float | None, str]] = [
    # serial, outcomes, max_fail_percentage, who was changed
    ((), "++++", None, "xxxx"),
    ((1,), "++++", None, "xxxx"),
    ((1,), "-+++", None, "x..."),  # a whole batch failed
    ((1,), "-+++", 100, "x..."),
    ((1,), "+-++", None, "xx.."),
    ((2,), "-+++", None, "xxxx"),  # half of a batch is not all of it
    ((2,), "-+++", 50, "xxxx"),  # exactly as many as may
    ((2,), "-+++", 49, "xx.."),
    ((2,), "-+++", 0, "xx.."),
    ((2,), "+-+-+", 50, "xxxxx"),  # each batch is counted by itself
    ((2,), "++--+", 50, "xxxx."),
    ((1, "50%"), "++---+", 50, "xxxx.."),  # one, then three of six, of which two fail
    ((1, 2), "++-++", 50, "xxxxx"),
    (("50%",), "--++", None, "xx.."),
    (("40%",), "-+-+-", 50, "xxxxx"),
    ((3,), "--++++", 70, "xxxxxx"),
    ((3,), "--++++", 60, "xxx..."),
    ((), "--++", 25, "xxxx"),  # one batch: all of it is under way
]


@pytest.mark.parametrize(("serial", "outcomes", "most", "started"), AS_ANSIBLE)
def test_batches_and_failures_start_the_hosts_that_ansible_starts(
    serial: tuple[int | str, ...], outcomes: str, most: float | None, started: str
) -> None:
    hosts = broken(outcomes)
    result = fleet(hosts, limits=Limits(serial=serial, max_fail_percentage=most))
    assert changed(hosts) == started
    for host, outcome, was_started in zip(result.hosts.values(), outcomes, started, strict=True):
        expected = {"+": "clean", "-": "failed"}[outcome] if was_started == "x" else "untouched"
        assert host.status.value == expected


def test_a_host_left_says_why_and_in_which_numbers() -> None:
    hosts = broken("---+++")
    result = fleet(hosts, limits=Limits(serial=(3,), max_fail_percentage=30))
    error = result.hosts["gpu06"].error
    assert error is not None
    # Those too that were under way when it was one too many.
    assert (error.code, dict(error.values)) == ("run.untouched", {"failed": 3, "hosts": 3, "most": "30"})
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(serial=(2,)), "run.untouched-batch"),
        (Limits(serial=(2,), any_errors_fatal=True), "run.untouched-fatal"),
        (Limits(serial=(2,), fatal_steps=frozenset({"the text is good"})), "run.untouched-fatal"),
        (Limits(serial=(2,), max_fail_percentage=10), "run.untouched"),
    ],
)
def test_each_reason_to_start_nobody_has_its_own_sentence(limits: Limits, code: str) -> None:
    result = fleet(broken("--++"), limits=limits)
    left = [host.error.code for host in result.hosts.values() if host.error is not None]
    assert left == [code, code]


@pytest.mark.parametrize("dies_at", [None, "apply"])
def test_whoever_waits_for_a_place_of_a_host_that_fails_does_not_begin_in_it(dies_at: str | None) -> None:
    """A place was given back before its host was counted: the next host had begun when the run was ended."""
    settled: SimpleQueue[str] = SimpleQueue()

    class Loading(FakeHost):
        """All read from one server."""

        def reply(self, message: Mapping[str, Any]) -> Any:
            answer = super().reply(message)
            return [{**each, "loads": "nfs:/models"} for each in answer] if message["verb"] == "preview" else answer

    def listen(event: Event) -> None:
        """Whoever has ended holds up the news of it until the next one has ended too, or begun to change."""
        if isinstance(event, HostSettled):
            settled.put(event.host)
            latest = time.monotonic() + 1
            while settled.qsize() < len(hosts) and changed(hosts).count("x") < 2 and time.monotonic() < latest:
                time.sleep(0.01)

    hosts = named(*(Loading("bad", cures=False, dies_at=dies_at) for _ in range(2)))
    limits = Limits(any_errors_fatal=True, max_loading=1)
    result = fleet(hosts, limits=limits, listen=listen)
    assert sorted(statuses(result).values()) == sorted(["ambiguous" if dies_at else "failed", "untouched"])
    assert changed(hosts).count("x") == 1


def test_the_failure_of_a_step_that_is_not_fatal_stops_nobody() -> None:
    hosts = broken("-+++")
    fleet(hosts, limits=Limits(serial=(2,), fatal_steps=frozenset({"another step"})))
    assert changed(hosts) == "xxxx"


def test_a_failure_that_a_step_ignores_does_not_count() -> None:
    hosts = broken("--++")
    ignoring = Step(more={"ignore_errors": True})
    fleet(hosts, ignoring, limits=Limits(serial=(2,), any_errors_fatal=True))
    assert changed(hosts) == "xxxx"


def test_a_host_that_gets_lost_in_its_batch_is_a_failure_of_it() -> None:
    hosts = named(*(FakeHost("bad", dies_at="apply" if n < 2 else None) for n in range(4)))
    result = fleet(hosts, limits=Limits(serial=(2,), max_fail_percentage=99))
    assert list(statuses(result).values()) == ["ambiguous", "ambiguous", "untouched", "untouched"]


def test_hosts_that_cannot_be_reached_belong_to_no_batch() -> None:
    hosts = {"down": FakeHost(unreachable="connect.refused"), **broken("+++")}
    result = fleet(hosts, limits=Limits(serial=(1,), max_fail_percentage=30))
    assert list(statuses(result).values()) == ["unreachable", "clean", "clean", "clean"]
    assert result.exit_code == 3


def test_too_many_unreachable_hosts_end_the_run_before_anything_is_changed() -> None:
    hosts = {"down1": FakeHost(unreachable="connect.refused"), **broken("++"), "down2": FakeHost(unreachable="x.y")}
    result = fleet(hosts, limits=Limits(max_fail_percentage=40))
    assert changed(hosts) == "...."
    assert list(statuses(result).values()) == ["unreachable", "untouched", "untouched", "unreachable"]


def test_where_errors_are_fatal_an_unreachable_host_ends_the_run_before_anything_is_changed() -> None:
    hosts = {"down": FakeHost(unreachable="connect.refused"), **broken("++")}
    result = fleet(hosts, limits=Limits(any_errors_fatal=True))
    assert list(statuses(result).values()) == ["unreachable", "untouched", "untouched"]
    error = result.hosts["gpu01"].error
    assert error is not None
    assert dict(error.values) == {"host": "down"}


def test_no_question_is_asked_about_a_plan_that_will_not_be_carried_out() -> None:
    asked: list[PlansReady] = []
    hosts = {"down": FakeHost(unreachable="connect.refused"), **broken("+")}
    fleet(hosts, limits=Limits(any_errors_fatal=True), approve=lambda plans: bool(asked.append(plans)))
    assert not asked


def test_the_first_batch_holds_one_host_of_every_distinct_plan_whatever_its_size() -> None:
    hosts = named(*(FakeHost(text) for text in ("bad", "bad", None, "bad", "odd", "bad")))
    hosts["gpu03"].cures = False
    step = Step(fixes=[BoundFix(MEND), relink("/elsewhere")])
    result = fleet(hosts, step, limits=Limits(serial=(1, 2), any_errors_fatal=True))
    # gpu01 and gpu03 together; on gpu05 is nothing to change.
    assert changed(hosts) == "x.x..."
    assert statuses(result)["gpu05"] == "clean"


def test_without_limits_several_failures_alike_in_a_row_end_a_batch_that_is_larger_than_the_crew() -> None:
    hosts = broken("-" * 12)
    result = fleet(hosts, limits=Limits(serial=(12,)), forks=1)
    assert changed(hosts) == "x" * 5 + "." * 7
    error = result.hosts["gpu12"].error
    assert error is not None
    assert error.code == "run.untouched-alike"
    assert changed_with(Limits(max_fail_percentage=100)) == "x" * 12


def changed_with(limits: Limits) -> str:
    hosts = broken("-" * 12)
    fleet(hosts, limits=limits, forks=1)
    return changed(hosts)


def test_failures_alike_with_a_success_between_them_end_nothing() -> None:
    hosts = broken("----+----+")
    fleet(hosts, forks=1)
    assert changed(hosts) == "x" * 10


def test_a_key_that_nobody_takes_is_not_tried_on_the_whole_fleet() -> None:
    hosts = named(*(FakeHost(unreachable="connect.denied") for _ in range(99)))
    result = fleet(hosts, forks=5)
    tried = sum(host.tried for host in hosts.values())
    assert 20 <= tried < 25  # and those that were under way
    assert result.counts == {"unreachable": tried, "untouched": 99 - tried}


def test_a_dead_rack_at_the_head_of_the_inventory_costs_the_others_nothing() -> None:
    hosts = named(*(FakeHost(unreachable="connect.refused" if n < 60 else None) for n in range(99)))
    result = fleet(hosts, forks=20)
    assert result.counts == {"unreachable": 60, "clean": 39}


def test_a_lost_jump_host_is_one_failure() -> None:
    behind = [FakeHost(unreachable="connect.jump", behind="bastion") for _ in range(30)]
    hosts = {**named(*behind), "here1": FakeHost("bad"), "here2": FakeHost("bad")}
    result = fleet(hosts, forks=2, limits=Limits(max_fail_percentage=5))
    assert result.counts == {"unreachable": 30, "clean": 2}  # one of 32 is no more than 5 %
    assert {host.error and host.error.code for host in result.hosts.values()} == {None, "connect.jump"}


def test_a_host_that_failed_in_one_play_is_left_out_of_the_next() -> None:
    hosts = broken("-+++")
    result = fleet(
        hosts,
        plays=[(("gpu01", "gpu02"), Limits(), [Step("one")]), (("gpu01", "gpu02", "gpu03"), Limits(), [Step("two")])],
    )
    steps = [[step.name for step in host.steps] for host in result.hosts.values()]
    assert steps == [["one"], ["one", "two"], ["two"], []]
    assert list(statuses(result).values()) == ["failed", "clean", "clean", "no-service"]


def test_a_play_that_the_breaker_ended_is_followed_by_none() -> None:
    hosts = broken("-+++")
    everybody, limits = tuple(hosts), Limits(serial=(1,))
    result = fleet(hosts, plays=[(everybody[:2], limits, [Step("one")]), (everybody[2:], limits, [Step("two")])])
    assert changed(hosts) == "x..."
    assert list(statuses(result).values()) == ["failed", "untouched", "untouched", "untouched"]


def test_a_dry_run_counts_the_failures_of_looking_as_well() -> None:
    hosts = named(*(FakeHost(unreachable="connect.denied") for _ in range(60)))
    result = fleet(hosts, forks=1, dry_run=True)
    assert result.counts == {"unreachable": 20, "untouched": 40}


def test_as_many_hosts_are_at_work_as_there_are_forks() -> None:
    at_work: list[int] = []
    gate = threading.Event()
    hosts = named(*(FakeHost(connected=gate) for _ in range(9)))

    def listen(event: Event) -> None:
        if isinstance(event, HostStarted):
            at_work.append(sum(host.tried for host in hosts.values()))
            if len(at_work) == 4:
                gate.set()

    fleet(hosts, forks=4, listen=listen)
    assert len(at_work) == 9


def test_hosts_that_hang_cost_the_others_their_places_and_no_more() -> None:
    gate = threading.Event()
    hung = [FakeHost(connected=gate) for _ in range(10)]
    hosts = {**{f"hung{n}": host for n, host in enumerate(hung)}, **named(*(FakeHost() for _ in range(190)))}
    seen: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, HostStarted) and event.host.startswith("gpu"):
            seen.append(event.host)
            if len(seen) == 190:
                gate.set()  # only now, when all the others have been started

    result: RunResult = fleet(hosts, forks=50, listen=listen)
    assert result.counts == {"clean": 200}


@pytest.mark.parametrize(
    ("after", "status", "text"),
    [
        ("bad", "clean", "good"),  # as it was: what was shown is made
        ("good", "clean", "good"),  # the reboot has cured it, and nothing is made
        ("stubborn", "unfixed", "stubborn"),  # another fault than the one that was shown
    ],
)
def test_a_host_that_reboots_before_its_turn_is_looked_at_anew(after: str, status: str, text: str) -> None:
    host = FakeHost("bad", dies_at="lock", after=after)
    result = fleet(named(host))
    assert (host.tried, statuses(result), host.text) == (2, {"gpu01": status}, text)
    assert host.was_changed == (after == "bad")


def test_a_host_that_does_not_come_back_is_unreachable_and_unchanged() -> None:
    host = FakeHost("bad", dies_at="lock")

    def listen(event: Event) -> None:
        if isinstance(event, PlansReady):
            host.unreachable = "connect.refused"

    result = fleet(named(host), listen=listen)
    assert (statuses(result), host.text, host.tried) == ({"gpu01": "unreachable"}, "bad", 2)


def test_a_jump_host_that_is_lost_before_the_change_is_tried_by_nobody_again() -> None:
    host = FakeHost("bad", dies_at="lock", behind="bastion")
    result = fleet(named(host))
    assert (statuses(result), host.tried) == ({"gpu01": "unreachable"}, 1)


def test_many_hosts_say_no_more_each_than_one_does() -> None:
    def said(count: int) -> int:
        events: list[Event] = []
        result = fleet({f"gpu{n}": FakeHost("bad") for n in range(count)}, listen=events.append)
        assert result.counts == {"clean": count}
        return len(events)

    of_all = 4  # the beginning of the run, its plan, its batch, its end
    assert (said(300) - of_all) / 300 == said(1) - of_all
