"""The fleet's order and limits, statuses and exit codes: tables."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine.batches import batches
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.results import HostStatus, RunResult, StepResult, StepStatus, exit_code, worst_host, worst_step
from autoglm_fix.engine.run import Order, new_run_id, run
from autoglm_fix.engine.verdict import host_verdict, service_verdict
from autoglm_fix.proof import Proof

from .pair import MEND, Absent, Odd, Word
from .plays import BoundFix, Play, Step, describe, relink


@pytest.mark.parametrize(
    ("serial", "sizes"),
    [
        ((), [10]),
        ((1,), [1] * 10),
        ((3,), [3, 3, 3, 1]),
        ((1, "50%"), [1, 5, 4]),
        ((1, 2, "100%"), [1, 2, 7]),
        (("1%",), [1] * 10),
    ],
)
def test_batches_are_counts_or_percentages_and_the_last_size_repeats(
    serial: tuple[int | str, ...], sizes: list[int]
) -> None:
    hosts = list(range(10))
    cut = batches(hosts, serial, lambda _host: "alike")
    assert [len(batch) for batch in cut] == sizes
    assert [host for batch in cut for host in batch] == hosts


def test_no_host_is_no_batch() -> None:
    assert batches([], (1, "50%"), str) == []


EXITS = [
    ({"verified"}, {}, 0),
    ({"clean", "verified"}, {}, 0),
    ({"pending"}, {}, 0),
    ({"pending"}, {"exit_on_pending": True}, 5),
    ({"clean"}, {"exit_on_pending": True}, 0),
    ({"unreachable", "verified"}, {}, 3),
    ({"unreachable", "unfixed"}, {}, 2),
    ({"unproved"}, {}, 2),
    ({"unknown"}, {}, 2),
    ({"untouched"}, {}, 2),
    ({"ambiguous"}, {}, 2),
    ({"failed", "pending"}, {"exit_on_pending": True}, 2),
    ({"no-service"}, {}, 4),
    ({"no-service", "verified"}, {}, 0),
    ({"failed"}, {"interrupted": True}, 130),
]


@pytest.mark.parametrize(("statuses", "more", "code"), EXITS)
def test_the_exit_code_is_the_first_that_applies(statuses: set[str], more: dict[str, bool], code: int) -> None:
    options = {"interrupted": False, "exit_on_pending": False, **more}
    assert exit_code([HostStatus(status) for status in statuses], **options) == code


def test_the_worst_status_wins() -> None:
    assert worst_step([StepStatus.FIXED, StepStatus.UNFIXED, StepStatus.HEALTHY]) is StepStatus.UNFIXED
    assert worst_step([]) is StepStatus.SKIPPED
    assert worst_host([HostStatus.VERIFIED, HostStatus.CLEAN]) is HostStatus.VERIFIED
    assert worst_host([HostStatus.PENDING, HostStatus.INTERRUPTED]) is HostStatus.INTERRUPTED


def step(status: StepStatus, *findings: Any, ignored: bool = False) -> StepResult:
    return StepResult("play", "step", "model", "text", status, findings=findings, ignored=ignored)


VERIFIED, FAILED, UNPROVED = Proof("model", "verified"), Proof("model", "failed"), Proof("model", "unproved")
VERDICTS = [
    ([StepStatus.HEALTHY], [VERIFIED], HostStatus.VERIFIED),
    ([StepStatus.HEALTHY], [], HostStatus.CLEAN),
    ([StepStatus.UNKNOWN], [VERIFIED], HostStatus.VERIFIED),
    ([StepStatus.UNKNOWN], [], HostStatus.UNKNOWN),
    ([StepStatus.UNKNOWN], [UNPROVED], HostStatus.UNPROVED),
    ([StepStatus.UNFIXED], [VERIFIED], HostStatus.UNFIXED),
    ([StepStatus.FIXED], [FAILED], HostStatus.FAILED),
    ([StepStatus.FIXED], [VERIFIED, UNPROVED], HostStatus.UNPROVED),
    ([StepStatus.SKIPPED], [], HostStatus.CLEAN),
    ([StepStatus.PENDING], [Proof("model", "pending")], HostStatus.PENDING),
]


@pytest.mark.parametrize(("steps", "proofs", "status"), VERDICTS)
def test_a_service_is_as_bad_as_its_worst_part_but_generating_outweighs_not_knowing(
    steps: list[StepStatus], proofs: list[Proof], status: HostStatus
) -> None:
    assert service_verdict([step(each) for each in steps], proofs).status is status


@pytest.mark.parametrize(
    ("diagnostic", "steps", "proofs", "status"),
    [
        ("service", [StepStatus.HEALTHY], [], HostStatus.UNKNOWN),
        ("service", [StepStatus.HEALTHY], [Proof("model", "pending")], HostStatus.UNKNOWN),
        ("service", [StepStatus.HEALTHY], [VERIFIED], HostStatus.VERIFIED),
        ("service", [StepStatus.PENDING], [], HostStatus.PENDING),
        ("service", [StepStatus.FIXED], [], HostStatus.CLEAN),
        ("weights", [StepStatus.HEALTHY], [], HostStatus.CLEAN),
    ],
)
def test_one_that_seems_to_run_and_does_not_answer_is_not_called_well(
    diagnostic: str, steps: list[StepStatus], proofs: list[Proof], status: HostStatus
) -> None:
    looked = [replace(step(each), diagnostic=diagnostic) for each in steps]
    assert service_verdict(looked, proofs, "refused", unanswered=True).status is status


def test_errors_that_a_step_ignores_do_not_count() -> None:
    assert service_verdict([step(StepStatus.FAILED, ignored=True)], [VERIFIED]).status is HostStatus.VERIFIED


def test_the_cause_is_the_error_that_hides_the_others() -> None:
    findings = (Odd(subject="x"), Word(subject="x", word="bad"), Absent(subject="y"))
    verdict = service_verdict([step(StepStatus.FIXED, *findings)], [VERIFIED])
    assert (verdict.cause, verdict.symptom) == ("text.absent", "crashed")


def test_without_a_finding_the_failed_proof_is_the_cause() -> None:
    failed = Proof("model", "failed", symptom="garbage", code="proof.repeats")
    verdict = service_verdict([step(StepStatus.HEALTHY)], [failed])
    assert (verdict.cause, verdict.symptom) == ("proof.repeats", "garbage")


@pytest.mark.parametrize(
    ("services", "given", "status"),
    [
        ([], {}, HostStatus.NO_SERVICE),
        ([], {"started": True}, HostStatus.UNTOUCHED),
        ([HostStatus.VERIFIED], {"started": True}, HostStatus.VERIFIED),
        ([HostStatus.PENDING], {"started": True, "interrupted": True}, HostStatus.INTERRUPTED),
        ([], {"interrupted": True}, HostStatus.UNTOUCHED),
        ([HostStatus.CLEAN], {"trouble": HostStatus.UNREACHABLE}, HostStatus.UNREACHABLE),
    ],
)
def test_a_host_is_its_services_and_what_befell_it(
    services: list[HostStatus], given: dict[str, Any], status: HostStatus
) -> None:
    options = {"trouble": None, "started": False, "interrupted": False, **given}
    assert host_verdict(services, **options) is status


class CountingChannel(LocalChannel):
    """A local channel that notes when it is written to after something was read: an exchange."""

    def __init__(self) -> None:
        super().__init__(argv(sys.executable))
        self.exchanges = 0
        self._asking = False

    def write(self, data: bytes) -> None:
        if not self._asking:
            self.exchanges += 1
            self._asking = True
        super().write(data)

    def read(self, timeout_s: float) -> bytes:
        data = super().read(timeout_s)
        if data:
            self._asking = False
        return data


def fleet(
    folders: Sequence[Path], *steps: Step, limits: Limits | None = None, channels: list[CountingChannel] | None = None
) -> RunResult:
    """A run over hosts that all are this machine, each with a model of its own."""

    def connect() -> CountingChannel:
        channel = CountingChannel()
        if channels is not None:
            channels.append(channel)
        return channel

    targets = [
        Target(folder.name, connect, str(folder / "state"), [[Play(ServiceSpec(model=str(folder)), steps)]])
        for folder in folders
    ]
    order = Order("test.yml", targets, [limits or Limits()], "tests")
    return run(order, new_run_id(), lambda _event: None, lambda _plans: True, describe)


def hosts(tmp_path: Path, *texts: str) -> list[Path]:
    folders = []
    for number, text in enumerate(texts):
        folder = tmp_path / f"gpu{number:02d}"
        folder.mkdir()
        (folder / "model.txt").write_text(text)
        folders.append(folder)
    return folders


def test_a_healthy_host_costs_one_exchange(tmp_path: Path) -> None:
    channels: list[CountingChannel] = []
    steps = [Step("first"), Step("second", options={"name": "model.txt"}), Step("third", register="third")]
    fleet(hosts(tmp_path, "good"), *steps, channels=channels)
    assert [channel.exchanges for channel in channels] == [1]


def test_a_step_that_waits_for_an_earlier_result_asks_once_more(tmp_path: Path) -> None:
    (folder,) = hosts(tmp_path, "stubborn")
    (folder / "other.txt").write_text("good")
    channels: list[CountingChannel] = []
    first = Step("first", register="first", fixes=())
    second = Step("second", options={"name": "other.txt"}, refers="first")
    result = fleet([folder], first, second, channels=channels)
    assert [step.status for step in result.hosts["gpu00"].steps] == [StepStatus.UNFIXED, StepStatus.HEALTHY]
    assert [channel.exchanges for channel in channels] == [2]


def test_every_host_is_repaired_and_none_waits_for_another(tmp_path: Path) -> None:
    folders = hosts(tmp_path, *["bad"] * 5, "good")
    result = fleet(folders, Step(), limits=Limits(serial=(1, "50%")))
    assert result.counts == {"clean": 6}
    assert {(folder / "model.txt").read_text() for folder in folders} == {"good"}


def test_after_too_many_failures_no_new_host_is_started(tmp_path: Path) -> None:
    folders = hosts(tmp_path, "worse", "worse", "worse", "worse")
    result = fleet(folders, Step(), limits=Limits(serial=(1,), max_fail_percentage=30))
    statuses = [result.hosts[folder.name].status for folder in folders]
    assert statuses == [HostStatus.FAILED, *[HostStatus.UNTOUCHED] * 3]
    assert [(folder / "model.txt").read_text() for folder in folders[1:]] == ["worse"] * 3


def test_any_errors_fatal_stops_after_the_first_failure(tmp_path: Path) -> None:
    folders = hosts(tmp_path, "worse", "bad")
    result = fleet(folders, Step(), limits=Limits(serial=(1,), any_errors_fatal=True))
    assert result.hosts["gpu01"].status is HostStatus.UNTOUCHED
    assert (folders[1] / "model.txt").read_text() == "bad"


def test_the_first_batch_holds_one_host_of_every_distinct_plan(tmp_path: Path) -> None:
    folders = hosts(tmp_path, "bad", "bad", "bad")
    (folders[2] / "model.txt").rename(folders[2] / "elsewhere.txt")
    (folders[2] / "elsewhere.txt").write_text("worse")
    step = Step(fixes=[BoundFix(MEND), relink(folders[2] / "elsewhere.txt")])
    result = fleet(folders, step, limits=Limits(serial=(1, "100%"), any_errors_fatal=True))
    statuses = {name: host.status for name, host in result.hosts.items()}
    assert statuses["gpu02"] is HostStatus.FAILED  # the other plan's canary went with the first batch
    assert statuses["gpu01"] is HostStatus.UNTOUCHED


def test_hosts_are_looked_at_side_by_side(tmp_path: Path) -> None:
    assert threading.active_count() < 10
    result = fleet(hosts(tmp_path, *["good"] * 12), Step())
    assert result.counts == {"clean": 12}


def test_run_ids_sort_by_time_also_within_a_second() -> None:
    moments = [1795345200.0, 1795345200.002, 1795345200.5, 1795345200.999, 1795345201.0]
    ids = [new_run_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert ids[2].endswith("-8000")
