"""The agent over a real channel: started from memory, one child a request, nothing left behind."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, AgentError, ChannelClosed, Request
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from tests.disks import disk
from tests.pythons import python_3_8

FACTS = "tests.engine.facts"


@pytest.fixture(params=["this", "3.8"])
def agent(request: pytest.FixtureRequest) -> Iterator[Agent]:
    python = sys.executable if request.param == "this" else python_3_8()
    agent = Agent(LocalChannel(argv(python)))
    yield agent
    agent.close()


def collect(name: str, deadline_s: float = 60.0, folder: str = "/nowhere") -> Request:
    arguments = {"module": FACTS, "fact": "TextFile", "options": {"name": name}}
    return Request("collect", arguments, service={"model": folder}, modules=(FACTS,), deadline_s=deadline_s)


def test_the_agent_says_where_it_is(agent: Agent) -> None:
    hello = agent.ask(Request("hello"))
    assert hello["uid"] == os.geteuid()
    assert hello["hostname"] == os.uname().nodename


def test_replies_come_in_the_order_of_the_requests(agent: Agent, tmp_path: Path) -> None:
    names = [f"{number}.txt" for number in range(8)]
    for name in names:
        (tmp_path / name).write_text(name)
    replies = agent.ask_all([collect(name, folder=str(tmp_path)) for name in names])
    assert [reply["content"] for reply in replies] == names


def test_a_request_that_hangs_is_ended_at_its_deadline_and_the_others_are_answered(agent: Agent) -> None:
    hanging, other = agent.ask_all([collect("hang", deadline_s=1.0), collect("model.txt")])
    assert isinstance(hanging, AgentError)
    assert hanging.kind == "deadline"
    assert other["content"] is None


@pytest.mark.parametrize(("name", "kind", "said"), [("die", "died", "SIGABRT"), ("crash", "crash", "ZeroDivision")])
def test_a_request_that_dies_or_crashes_says_how(agent: Agent, name: str, kind: str, said: str) -> None:
    reply = agent.ask(collect(name))
    assert isinstance(reply, AgentError)
    assert reply.kind == kind
    assert said in reply.message


def test_stop_cancels_what_runs() -> None:
    stop = threading.Event()
    stopping = Agent(LocalChannel(argv(sys.executable)), stop=stop)
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    reply = stopping.ask(collect("hang", deadline_s=60.0))
    timer.join()
    stopping.close()
    assert isinstance(reply, AgentError)
    assert reply.kind == "cancelled"


def test_the_end_of_the_channel_ends_what_the_agent_started() -> None:
    channel = LocalChannel(argv(sys.executable))
    agent = Agent(channel)
    pid = agent.ask(Request("hello"))["pid"]
    before = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    worker = threading.Thread(target=_ask_and_be_cut_off, args=(agent,))
    worker.start()
    deadline = time.monotonic() + 60
    children: list[str] = []
    while not children and time.monotonic() < deadline:
        now = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        children = [child for child in now if child not in before]
    channel.hang_up()
    worker.join()
    agent.close()
    assert children
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "the agent's child outlived it"
        time.sleep(0.05)


def _ask_and_be_cut_off(agent: Agent) -> None:
    with pytest.raises(ChannelClosed):
        agent.ask(collect("hang"))


def test_a_python_that_is_not_there_is_named() -> None:
    with pytest.raises(ChannelClosed, match="no Python at /no/such/python"):
        Agent(LocalChannel(argv("/no/such/python")))


def test_something_that_is_no_python_is_a_closed_channel() -> None:
    with pytest.raises(ChannelClosed):
        Agent(LocalChannel(("/bin/echo", "Welcome to our server"))).ask(Request("hello"))


def test_the_lock_is_held_by_one_and_names_its_holder(state_dir: Path) -> None:
    first, second = (Agent(LocalChannel(argv(sys.executable)), str(state_dir)) for _ in range(2))
    assert first.lock("run-1", "ann@desk") == {"held_by": None, "last": ""}
    held = second.lock("run-2", "bob@desk")["held_by"]
    first.close()
    assert "run run-1 of ann@desk, since " in held
    assert re.search(r", process \d+$", held)  # where it hangs, somebody has to end it
    taken = second.lock("run-2", "bob@desk")
    assert (taken["held_by"], taken["last"]) == (None, held)
    second.unlock()
    second.ask(Request("hello"))  # what comes after it has been heard
    third = Agent(LocalChannel(argv(sys.executable)), str(state_dir))
    assert third.lock("run-3", "eve@desk")["held_by"] is None
    second.close()
    third.close()


def test_a_lock_that_cannot_be_written_is_a_problem_and_not_the_end_of_the_agent(tmp_path: Path) -> None:
    with disk(tmp_path / "state", size="64k") as folder:
        (folder / "ballast").write_bytes(b"x" * (os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize))
        agent = Agent(LocalChannel(argv(sys.executable)), str(folder))
        assert "No space left" in agent.lock("run-1", "ann@desk")["problem"]
        agent.close()
