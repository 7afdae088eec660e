"""What hosts wait for each other for: slots of replicas and of sources, turns at what they share. Threads, no hosts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.engine.gates import Gates, Replica, group_of, share

GLM = "name glm"


def gates(unavailable: int | str = 1, loading: int = 4, replicas: int = 10) -> Gates:
    made = Gates(threading.Event(), {GLM: replicas, "name qwen": replicas})
    made.limit(unavailable, loading)
    return made


def replica(host: str, service: str = "glm") -> Replica:
    return Replica(host, service)


@pytest.mark.parametrize(
    ("most", "total", "shared"),
    [(1, 10, 1), (3, 2, 3), ("25%", 10, 2), ("25%", 2, 1), ("100%", 7, 7), ("1%", 0, 1)],
)
def test_a_share_is_a_count_or_a_percentage_and_never_nothing(most: int | str, total: int, shared: int) -> None:
    assert share(most, total) == shared


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"served_model_name": "glm", "model": "/a"}, {"served_model_name": "glm", "model": "/b"}, True),
        ({"served_model_name": "glm", "model": "/a"}, {"model": "/a"}, False),
        ({"model": "/a"}, {"model": "/a"}, True),
        ({"model": "/a"}, {"model": "/b"}, False),
        ({"served_model_name": "/a"}, {"model": "/a"}, False),
        ({}, {"name": "other"}, False),
    ],
)
def test_replicas_serve_a_model_by_one_name_or_from_one_path(
    one: dict[str, str], other: dict[str, str], alike: bool
) -> None:
    assert (group_of(ServiceSpec(**one)) == group_of(ServiceSpec(**other))) is alike


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_the_second_waits_until_the_first_answers_again() -> None:
    gate, waits, order = gates(), threading.Event(), list[str]()
    gate.enter("a", {replica("a"): GLM})

    def second() -> None:
        gate.enter("b", {replica("b"): GLM}, waits=lambda _what: waits.set())
        order.append("b is in")

    thread = in_thread(second)
    assert waits.wait(60)
    order.append("a is back")
    gate.leave(replica("a"))
    thread.join(60)
    assert order == ["a is back", "b is in"]


def test_others_are_refused_once_a_failed_replica_has_taken_the_last_slot() -> None:
    gate = gates()
    gate.enter("a", {replica("a"): GLM})
    gate.leave(replica("a"), lost=True)
    assert gate.enter("b", {replica("b"): GLM, replica("b", "q"): "name qwen"}) == {replica("b"): [replica("a")]}
    assert gate.enter("a", {replica("a"): GLM}) == {}  # itself is not in its own way
    gate.leave(replica("a"))
    assert gate.enter("b", {replica("b"): GLM}) == {}


def test_whoever_waits_is_refused_when_the_one_that_it_waits_for_fails() -> None:
    gate, waits, refused = gates(), threading.Event(), list[object]()
    gate.enter("a", {replica("a"): GLM})
    thread = in_thread(
        lambda: refused.append(gate.enter("b", {replica("b"): GLM}, waits=lambda _what: waits.set())),
    )
    assert waits.wait(60)
    gate.leave(replica("a"), lost=True)
    thread.join(60)
    assert refused == [{replica("b"): [replica("a")]}]


def test_of_a_source_so_many_hosts_read_at_once() -> None:
    gate, waits = gates(loading=2), threading.Event()
    for host in ("a", "b"):
        gate.enter(host, {}, ["nas:/models"])
    gate.enter("c", {}, ["another"])
    thread = in_thread(lambda: gate.enter("d", {}, ["nas:/models"], waits=lambda _what: waits.set()))
    assert waits.wait(60)
    gate.loaded("a")
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("what", ["a replica", "a source", "a turn"])
def test_a_run_that_is_stopped_waits_no_more(what: str) -> None:
    stop, waits = threading.Event(), threading.Event()
    gate = Gates(stop)
    gate.limit(1, 1)
    gate.enter("a", {replica("a"): GLM}, ["nas:/models"])

    def second() -> None:
        if what == "a turn":
            with gate.turn("b", ["nas:/models/x"], lambda _what: waits.set()):
                return
        wanted = {replica("b"): GLM} if what == "a replica" else {}
        gate.enter("b", wanted, ["nas:/models"], waits=lambda _what: waits.set())

    with gate.turn("a", ["nas:/models/x"]):
        thread = in_thread(second)
        assert waits.wait(60)
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def test_a_turn_says_whether_another_host_has_changed_anything_since() -> None:
    gate = gates()
    with gate.turn("a", ["x"]) as news:
        assert not news
        gate.made("a", ["x"])
    with gate.turn("a", ["x"]) as news:
        assert not news
    with gate.turn("b", ["x", "y"]) as news:
        assert news
    with gate.turn("b", ["x"]) as news:
        assert not news


def test_hosts_with_several_services_never_wait_in_a_circle() -> None:
    """Eight hosts, each with replicas of several groups and several sources, many times over."""
    gate = gates(replicas=2, loading=1)
    groups = {"glm": GLM, "qwen": "name qwen"}
    out: dict[str, set[str]] = {name: set() for name in groups}
    most = dict.fromkeys(groups, 0)
    count = threading.Lock()

    def host(name: str) -> None:
        chance = random.Random(name)
        for _ in range(15):
            services = chance.sample(sorted(groups), chance.randint(1, 2))
            wanted = {replica(name, each): groups[each] for each in services}
            gate.enter(name, wanted, chance.sample(["s1", "s2", "s3"], 2))
            with count:
                for each in services:
                    out[each].add(name)
                    most[each] = max(most[each], len(out[each]))
            with gate.turn(name, chance.sample(["k1", "k2", "k3"], 2)):
                time.sleep(0.0005)
            with count:
                for each in services:
                    out[each].discard(name)
            for each in services:
                gate.leave(replica(name, each))
            gate.loaded(name)

    threads = [in_thread(lambda name=name: host(name)) for name in "abcdefgh"]
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert most == {"glm": 1, "qwen": 1}
