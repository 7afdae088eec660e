"""Steps that one host does for all, and steps at which only so many hosts may be at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.playscript import Common, PlayScript
from autoglm_fix.engine.results import RunResult
from autoglm_fix.engine.run import Order, new_run_id, run
from autoglm_fix.fixes import Declined
from autoglm_fix.playbook import Vocabulary, load_playbook, play_variables
from autoglm_fix.report.document import result_document
from autoglm_fix.report.outcome import status_name, verdict

from .fakes import FakeHost, named
from .pair import MEND, TEXT
from .plays import describe

VOCABULARY = Vocabulary({"text": TEXT}, {"mend": MEND})


def play(folder: Path, steps: str, hosts: Mapping[str, FakeHost], **order: Any) -> RunResult:
    """A run of a playbook with these steps."""
    path = folder / "play.yml"
    path.write_text(f"- hosts: all\n  steps:\n{steps}", encoding="utf-8")
    (written,) = load_playbook(path, VOCABULARY, outside=()).plays
    common = Common(written)
    targets = [
        Target(
            name,
            host.connect,
            "",
            [[PlayScript(common, ServiceSpec(model=f"/models/{name}"), play_variables(written, {}, {}), host=name)]],
        )
        for name, host in hosts.items()
    ]
    asked = Order("play.yml", targets, [Limits()], "tests", **order)
    return run(asked, new_run_id(), lambda _event: None, lambda _plans: True, describe)


def steps_of(result: RunResult) -> dict[str, list[str]]:
    return {name: [step.status.value for step in host.steps] for name, host in result.hosts.items()}


ONCE = "    - {name: one, diagnose: text, fix: mend, run_once: true, register: told}\n"
THEN = "    - {name: two, diagnose: {text: {name: two.txt}}, when: told.status == 'pending'}\n"


def test_a_step_that_is_done_once_is_done_by_one_host_and_left_out_by_all_others(tmp_path: Path) -> None:
    hosts = named(*(FakeHost("bad") for _ in range(5)))
    result = play(tmp_path, ONCE, hosts)
    assert sorted(each for (each,) in steps_of(result).values()) == ["fixed", *["skipped"] * 4]
    assert [host.text for host in hosts.values()].count("good") == 1


def test_those_that_leave_it_out_say_who_has_done_it(tmp_path: Path) -> None:
    result = play(tmp_path, ONCE, named(*(FakeHost("bad") for _ in range(3))), forks=1)
    said = {name: [each for step in host.steps for each in step.declined] for name, host in result.hosts.items()}
    why = Declined("run.done-once", {"service": "model", "host": "gpu01"})
    assert said == {"gpu01": [], "gpu02": [why], "gpu03": [why]}
    document = result_document(result)["hosts"]["gpu02"]["steps"][0]
    assert (document["status"], document["error"]) == ("skipped", None)
    assert document["declined"][0]["summary"] == "not looked at here: done once for all, for model on gpu01"
    assert [verdict(host, "model").code for host in result.hosts.values()] == ["repaired", "left-out", "left-out"]
    assert [status_name(host) for host in result.hosts.values()] == ["clean", "left-out", "left-out"]


def test_what_it_registers_is_known_to_all(tmp_path: Path) -> None:
    hosts = named(FakeHost("stubborn"), *(FakeHost("good") for _ in range(4)))
    result = play(tmp_path, ONCE + THEN.replace("pending", "unfixed"), hosts, forks=1)
    assert steps_of(result) == {
        "gpu01": ["unfixed", "unfixed"],
        **{f"gpu{n:02d}": ["skipped", "healthy"] for n in range(2, 6)},
    }


def test_its_condition_decides_for_all(tmp_path: Path) -> None:
    once = "    - {name: one, diagnose: text, run_once: true, register: told, when: false}\n"
    result = play(tmp_path, once + THEN.replace("pending", "skipped"), named(FakeHost(), FakeHost()))
    assert list(steps_of(result).values()) == [["skipped", "healthy"]] * 2


def test_the_first_host_that_can_be_reached_does_it(tmp_path: Path) -> None:
    hosts = named(FakeHost(unreachable="connect.refused"), FakeHost("bad"), FakeHost("bad"))
    result = play(tmp_path, ONCE, hosts, forks=1)
    assert steps_of(result) == {"gpu01": [], "gpu02": ["fixed"], "gpu03": ["skipped"]}


@pytest.mark.parametrize("steps", [ONCE, ONCE + THEN], ids=["nobody waits for it", "others wait for its result"])
def test_where_the_host_that_does_it_is_lost_another_takes_over(tmp_path: Path, steps: str) -> None:
    hosts = named(FakeHost("bad", dies_at="collect"), *(FakeHost("bad") for _ in range(3)))
    result = play(tmp_path, steps, hosts)
    first = [steps[0] for steps in steps_of(result).values() if steps]
    assert sorted(first[-3:]) == ["fixed", "skipped", "skipped"]


def test_no_more_hosts_than_the_throttle_lets_are_at_a_step_at_once(tmp_path: Path) -> None:
    most, now, lock, two = [0], [0], threading.Lock(), threading.Event()

    class Counting(FakeHost):
        def reply(self, message: Mapping[str, Any]) -> Any:
            looks = message["verb"] == "collect"
            with lock:
                now[0] += looks
                most[0] = max(most[0], now[0])
            if most[0] >= 2:
                two.set()
            if looks:
                two.wait(60)  # for the second; and a moment, for a third who may not come
            threading.Event().wait(0.01)
            with lock:
                now[0] -= looks
            return super().reply(message)

    hosts = named(*(Counting("bad") for _ in range(8)))
    result = play(tmp_path, "    - {name: one, diagnose: text, fix: mend, throttle: 2}\n", hosts)
    assert result.counts == {"clean": 8}
    assert most == [2]


def test_a_throttle_of_nothing_is_none(tmp_path: Path) -> None:
    result = play(tmp_path, "    - {name: one, diagnose: text, throttle: 0}\n", named(FakeHost(), FakeHost()))
    assert result.counts == {"clean": 2}
