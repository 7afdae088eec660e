"""How many replicas that answer are out at once: real services, several hosts in one run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoglm_fix.engine.events import ChangeMade, Doing, Event, ProofDone
from autoglm_fix.engine.results import HostStatus
from tests.endpoint.modes import MODEL
from tests.engine.overheard import Overheard
from tests.hosts import Host

from .lab import Served
from .several_hosts import STATE, WITH_A_START, Heard, carry_out, made, model, replace_channel, target

pytestmark = pytest.mark.slow
NAMES = ("gpu01", "gpu02")


@pytest.fixture
def replicas(host: Host) -> Iterator[list[Served]]:
    """Two that answer, each with something to mend that takes effect at its next start."""
    served = [Served(host, name, 8201 + number, model(host, name)) for number, name in enumerate(NAMES)]
    for each in served:
        each.define(reload=False)
    host.run("systemctl", "daemon-reload")
    for each in served:
        each.start()
    yield served
    for each in served:
        host.run("systemctl", "kill", "-s", "KILL", each.name, check=False)
        host.run(
            "sh",
            "-c",
            f"systemctl stop {each.name}; systemctl reset-failed {each.name}; rm -f {each.unit}",
            check=False,
        )
    host.run("rm", "-rf", STATE)


def interruptions(events: list[Event]) -> str:
    """``(`` where a replica was restarted, ``)`` where one was proved."""
    shown = ""
    for event in events:
        if isinstance(event, ChangeMade) and event.change.kind == "restart":
            shown += "("
        elif isinstance(event, ProofDone):
            shown += ")"
    return shown


def test_one_replica_of_a_name_is_out_at_a_time_whatever_else_says_how_many_hosts_are(
    host: Host, replicas: list[Served]
) -> None:
    heard = Heard()
    targets = [target(host, each.name, each, steps=[WITH_A_START]) for each in replicas]
    result = carry_out(*targets, listen=heard)
    assert result.counts == {"verified": 2}
    assert interruptions(heard.events) == "()()"
    (waited,) = (event.what for event in heard.events if isinstance(event, Doing) and event.phase == "wait")
    assert waited in {f"{MODEL} (out: {name} on {name})" for name in NAMES}


def test_one_that_fails_its_proof_stays_out_and_no_other_is_interrupted(host: Host, replicas: list[Served]) -> None:
    pids = {each.name: each.pid for each in replicas}
    for each in replicas:
        host.write(f"{each.model}/behaviour", "crash")
    result = carry_out(*(target(host, each.name, each, steps=[WITH_A_START]) for each in replicas))
    statuses = {host.status: name for name, host in result.hosts.items()}
    lost, left = statuses[HostStatus.FAILED], statuses[HostStatus.UNFIXED]
    assert made(result, left) == []
    reasons = [each for step in result.hosts[left].steps for each in step.declined]
    assert [(each.code, each.values["out"]) for each in reasons][:1] == [("run.replica-out", [f"{lost} on {lost}"])]
    assert {each.name: each.pid for each in replicas}[left] == pids[left]


def test_one_that_gets_lost_while_it_is_out_stays_out(host: Host, replicas: list[Served]) -> None:
    channels: dict[str, list[Overheard]] = {name: [] for name in NAMES}
    targets = [target(host, each.name, each, steps=[WITH_A_START]) for each in replicas]
    lost: list[str] = []

    def lose(event: Event) -> None:
        if isinstance(event, ChangeMade) and event.change.kind == "restart":
            lost.append(event.host)
            channels[event.host][0].close()

    result = carry_out(*(replace_channel(each, channels[each.name]) for each in targets), listen=lose)
    assert len(lost) == 1
    (left,) = {*NAMES} - {*lost}
    assert result.hosts[left].status is HostStatus.UNFIXED
    assert {each.code for step in result.hosts[left].steps for each in step.declined} == {"run.replica-out"}


def test_replicas_that_were_down_anyway_take_no_slot(host: Host, replicas: list[Served]) -> None:
    for each in replicas:
        host.run("systemctl", "stop", each.name)
    heard = Heard()
    targets = [target(host, each.name, each, steps=[WITH_A_START]) for each in replicas]
    result = carry_out(*targets, listen=heard)
    assert result.counts == {"verified": 2}
    assert not any(isinstance(event, Doing) and event.phase == "wait" for event in heard.events)


def test_two_replicas_of_one_host_go_one_after_the_other(host: Host, replicas: list[Served]) -> None:
    heard = Heard()
    result = carry_out(target(host, "both", *replicas, steps=[WITH_A_START]), listen=heard)
    assert result.counts == {"verified": 1}
    assert interruptions(heard.events) == "()()"
    assert made(result, "both") == ["write_file", "restart"] * 2
