"""The live region: one line for each host at work."""

from __future__ import annotations

from autoglm_fix.engine.events import (
    Doing,
    Event,
    HostDone,
    HostLookedAt,
    HostLost,
    HostSettled,
    HostStarted,
    LogLine,
    PlansReady,
    Progress,
    RunStarted,
)
from autoglm_fix.engine.results import HostStatus
from autoglm_fix.report.flights import Flights
from autoglm_fix.report.tally import Tally
from autoglm_fix.report.words import Words

from . import runs


def drawn(*told: tuple[float, Event], now: float, room: int = 10, language: str = "en") -> list[str]:
    clock = [0.0]
    flights = Flights(Words(language), lambda: clock[0])
    for seconds, event in told:
        clock[0] = seconds
        flights.update(event)
    clock[0] = now
    return [line.plain for line in flights.lines(room)]


def test_a_host_shows_what_it_does_and_for_how_long() -> None:
    assert drawn((0, HostStarted("a")), now=2) == ["a  connecting  2.0 s"]
    assert drawn((0, HostStarted("a")), (1, Doing("a", "look", "autoglm")), now=3) == ["a  looking autoglm  2.0 s"]
    assert drawn((0, Doing("a", "prove", "autoglm")), now=61, language="zh") == ["a  正在证明 autoglm  1:01 min"]


def test_byte_work_shows_rate_and_what_is_left() -> None:
    told = [(seconds, runs.progress("a", done)) for done, seconds in runs.FETCH]
    (text,) = drawn((0, Doing("a", "apply", "x")), *told, now=72)
    assert text == (
        "a  changing model-00002-of-00005.safetensors  90 %, 18.0 GiB of 20.0 GiB, 256.0 MiB/s, 8.0 s left  1:12 min"
    )


def test_other_work_shows_what_is_known() -> None:
    (text,) = drawn(
        (0, Progress("a", "generating", 0, 0, "tokens")), (2, Progress("a", "generating", 8, 0, "tokens")), now=2
    )
    assert text == "a  looking generating  8 tokens so far, 4 tokens/s  2.0 s"


def test_waiting_shows_how_long_it_took_and_may_take() -> None:
    waiting = Progress("a", "starting autoglm.service", 54, 1800, "s")
    (text,) = drawn((0, Doing("a", "apply", "x")), (54, waiting), now=54)
    assert text == "a  changing starting autoglm.service  54.0 s of at most 30:00 min  54.0 s"
    (text,) = drawn((0, Doing("a", "apply", "x")), (54, waiting), now=54, language="zh")
    assert "正在启动 autoglm.service  已等 54.0 s，最多 30:00 min" in text


def test_the_rate_of_new_work_starts_anew() -> None:
    told = [(0, Progress("a", "one", 0, 100, "files")), (10, Progress("a", "one", 50, 100, "files"))]
    (text,) = drawn(
        *told, (10, Progress("a", "two", 0, 100, "files")), (11, Progress("a", "two", 1, 100, "files")), now=11
    )
    assert "1 files/s" in text


def test_the_last_line_has_its_age() -> None:
    (text,) = drawn((0, Doing("a", "prove", "x")), (5, LogLine("a", "loading\x1b[2J shard 2")), now=65)
    assert text == "a  proving x  1:05 min  loading\\x1b[2J shard 2 (1:00 min ago)"


def test_the_slowest_hosts_come_first_and_the_rest_is_counted() -> None:
    told = [(float(20 - number), HostStarted(f"gpu{number:02}")) for number in range(20)]
    lines = drawn(*told, now=20, room=4)
    assert [line.split()[0] for line in lines[:3]] == ["gpu19", "gpu18", "gpu17"]
    assert lines[3] == "and 17 more hosts at work"


def test_a_host_that_has_ended_is_gone() -> None:
    started = [(0.0, HostStarted(name)) for name in ("localhost", "b", "c")]
    lines = drawn(*started, (1, HostDone(runs.HEALTHY)), (1, HostLost("b", runs.LOST)), now=1)
    assert [line.split()[0] for line in lines] == ["c"]
    assert drawn(*started, (1, PlansReady(())), now=1) == []


def test_who_is_still_awaited_is_seen_while_the_others_have_been_looked_at() -> None:
    started = [(0.0, HostStarted(name)) for name in ("a", "hung", "c")]
    lines = drawn(*started, (1, HostLookedAt("a")), (1, HostLookedAt("c")), now=1)
    assert [line.split()[0] for line in lines] == ["hung"]


def test_of_a_fleet_the_first_line_counts() -> None:
    words = Words()
    tally = Tally(words)
    flights = Flights(words, lambda: 2.0, tally)
    hosts = tuple(f"gpu{number:02}" for number in range(30))
    for event in (RunStarted("r", "p", hosts, False), *map(HostStarted, hosts), HostLookedAt("gpu00")):
        tally.update(event)
        flights.update(event)
    assert [line.plain for line in flights.lines(4)] == [
        "1 of 30 hosts looked at",
        "gpu01  connecting  0.0 s",
        "gpu02  connecting  0.0 s",
        "and 27 more hosts at work",
    ]


def test_a_host_that_has_been_changed_and_proved_is_gone() -> None:
    lines = drawn((0, Doing("a", "prove", "x")), (0, Doing("b", "wait", "glm (out: x on a)")), (1, settled("a")), now=1)
    assert lines == ["b  waiting for its turn at glm (out: x on a)  1.0 s"]


def settled(host: str) -> Event:
    return HostSettled(host, HostStatus.VERIFIED)
