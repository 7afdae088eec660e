"""A host that falls silent in mid-change while its connection holds: it is given up, at both ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from autoglm_fix.agent.changes.drain import Drain
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import Agent, AgentError, ChannelClosed, Request
from autoglm_fix.connect import request as request_module
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine import session as sessions
from autoglm_fix.engine.session import Refusal, Session

# A command of the operator's is run by the child that the agent started for the change.
STOPS_THE_CHILD = "kill -STOP $PPID"
STOPS_THE_AGENT = "kill -STOP $(cut -d' ' -f4 /proc/$PPID/stat)"


@pytest.fixture
def session(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    session = Session(
        "here", lambda: LocalChannel(argv(sys.executable)), str(state_dir), threading.Event(), lambda _event: None
    )
    session.begin("run", "tests")
    monkeypatch.setattr(sessions, "_IDLE_S", 2.0)
    monkeypatch.setattr(sessions, "_IDLE_BACK_S", 2.0)
    monkeypatch.setattr(request_module, "GRACE_S", 1.0)
    return session


def drained_by(command: str, undrain: str = "true") -> Drain:
    return Drain("glm", ["/bin/sh", "-c", command], ["/bin/sh", "-c", undrain])


@pytest.mark.slow
def test_an_agent_that_is_stopped_in_mid_change_is_given_up_by_the_controller(session: Session) -> None:
    with pytest.raises(ChannelClosed, match="nothing was heard for 3 s"):
        session.apply("run", "step", [drained_by(STOPS_THE_AGENT)], ServiceSpec())
    session.close()


@pytest.mark.slow
def test_a_change_that_is_stopped_is_ended_by_the_agent(session: Session) -> None:
    reply = session.apply("run", "step", [drained_by(STOPS_THE_CHILD)], ServiceSpec())
    assert isinstance(reply, AgentError)
    assert reply.kind == "stalled"
    assert session.recover() == ["glm"]  # and it is still there to put back what was cut off
    session.close()


@pytest.mark.slow
def test_a_long_change_that_shows_life_is_waited_for(session: Session) -> None:
    assert session.apply("run", "step", [drained_by("sleep 4")], ServiceSpec()) == [{"made": True}]
    session.close()


BACK: dict[str, Callable[[Session], object]] = {
    "undo": lambda session: session.undo("run"),
    "recover": lambda session: session.recover(),
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", BACK)
@pytest.mark.parametrize("stops", [STOPS_THE_AGENT, STOPS_THE_CHILD])
def test_what_brings_things_back_is_not_waited_for_without_end_either(session: Session, verb: str, stops: str) -> None:
    done = session.apply(
        "run", "step", [drained_by("kill -9 $PPID" if verb == "recover" else "true", stops)], ServiceSpec()
    )
    assert isinstance(done, AgentError) == (verb == "recover")
    with pytest.raises(ChannelClosed if stops == STOPS_THE_AGENT else Refusal) as told:
        BACK[verb](session)
    if isinstance(told.value, Refusal):
        assert told.value.fault.code == "run.stalled"
    session.close()


def looking(name: str, deadline_s: float) -> Request:
    arguments = {"module": "tests.engine.facts", "fact": "TextFile", "options": {"name": name}}
    return Request("collect", arguments, {"model": "/nowhere"}, modules=("tests.engine.facts",), deadline_s=deadline_s)


@pytest.mark.slow
def test_a_host_that_freezes_while_it_is_looked_at_is_given_up_long_before_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_module, "_FROZEN_S", 1.0)
    agent = Agent(LocalChannel(argv(sys.executable)))
    os.kill(agent.ask(Request("hello"))["pid"], signal.SIGSTOP)
    with pytest.raises(ChannelClosed, match="nothing was heard for 1 s"):
        agent.ask(looking("hang", 600.0))
    agent.close()


@pytest.mark.slow
def test_a_look_that_hangs_has_its_time_where_the_agent_shows_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_module, "_FROZEN_S", 8.0)
    agent = Agent(LocalChannel(argv(sys.executable)))
    reply = agent.ask(looking("hang", 9.0))
    assert isinstance(reply, AgentError)
    assert reply.kind == "deadline"
    agent.close()
