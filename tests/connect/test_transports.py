"""Every way to a host passes the same tests: real sshd, real sudo, real containers."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.connect import Agent, AgentError, ChannelClosed, Request
from tests import shards
from tests.cli.command import autoglm_fix
from tests.connect.reached import WAYS, Reached, reached
from tests.leaks import held, left_since

FACTS = "tests.connect.facts"
MIB = 1 << 20


@pytest.fixture(
    scope="module",
    params=[way if way == "local" else pytest.param(way, marks=pytest.mark.slow) for way in WAYS],
)
def to(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """A host, and a way to it."""
    with reached(request.param, tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="module")
def agent(to: Reached) -> Iterator[Agent]:
    """An agent on it, for all tests that leave it as it was."""
    with to.channel() as channel:
        yield Agent(channel, state_dir=str(to.folder / "state"))


def answer(what: str, size: int = 0, deadline_s: float = 60.0) -> Request:
    arguments = {"module": FACTS, "fact": "Answer", "options": {"what": what, "size": size}}
    return Request("collect", arguments, modules=(FACTS,), deadline_s=deadline_s)


def edit(path: Path, old: bytes, new: str) -> dict[str, Any]:
    after = hashlib.sha256(new.encode()).hexdigest()
    return to_wire(WriteFile(str(path), [(0, len(old), new)], hashlib.sha256(old).hexdigest(), after))


def test_the_agent_says_where_it_runs(to: Reached, agent: Agent) -> None:
    hello = agent.ask(Request("hello"))
    assert (hello["hostname"], hello["uid"]) == (to.hostname, 0)


def test_the_files_of_a_model_are_seen(to: Reached, agent: Agent) -> None:
    model = shards.model(to.folder / "seen")
    module = "autoglm_fix.agent.facts.model_files"
    arguments = {"module": module, "fact": "ModelFiles", "options": {}}
    seen = agent.ask(Request("collect", arguments, service={"model": str(model)}, modules=(module,)))
    assert not isinstance(seen, AgentError)
    assert shards.shard_name(1) in json.dumps(seen)


def test_a_change_is_made_and_undone_to_the_byte(to: Reached, agent: Agent) -> None:
    config = to.folder / "config.json"
    old = "umläut\r\n".encode() + bytes(range(1, 128))
    config.write_bytes(old)
    config.chmod(0o640)
    modules = ("autoglm_fix.agent.apply", "autoglm_fix.agent.changes.write_file")
    agent.lock("run", "a test")
    made = agent.ask(
        Request("apply", {"run": "run", "step": "s", "changes": [edit(config, old, "new")]}, modules=modules)
    )
    assert (made, config.read_text()) == ([{"made": True}], "new")
    # A second time it refuses: the file is no longer what it was made for.
    (again,) = agent.ask(
        Request("apply", {"run": "again", "step": "s", "changes": [edit(config, old, "new")]}, modules=modules)
    )
    assert not again["made"]
    (undone,) = agent.ask(Request("undo", {"run": "run", "force": False, "dry_run": False}, modules=modules))
    agent.unlock()
    assert undone["state"] == "restored"
    assert (config.read_bytes(), config.stat().st_mode & 0o777) == (old, 0o640)


def test_20_mb_of_bytes_arrive_as_they_were(to: Reached, agent: Agent, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(20 * MIB + 1)
    wheel = tmp_path / "torch.whl"
    wheel.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    agent.lock("bytes", "a test")
    assert agent.send_file(str(wheel), sha256) is None
    assert (to.folder / "state" / "parcels" / sha256).read_bytes() == content
    agent.unlock()


def test_events_come_in_their_order_before_the_answer(agent: Agent) -> None:
    said: list[str] = []

    def heard(_: int, event: Mapping[str, Any]) -> None:
        said.append(event["line"])

    assert agent.ask(answer("events", 500), heard)["content"] == "events"
    assert said == [f"line {number}" for number in range(500)]


def test_an_answer_of_6_mb_comes_whole(agent: Agent) -> None:
    assert len(agent.ask(answer("large", 6 * MIB))["content"]) == 6 * MIB


def test_6_mb_of_noise_on_each_stream_disturb_nothing(agent: Agent) -> None:
    noise, other = agent.ask_all([answer("noise", 6 * MIB), answer("beside")])
    assert (noise["content"], other["content"]) == ("noise", "beside")


def test_a_request_that_hangs_is_ended_at_its_deadline_and_leaves_nothing(to: Reached, agent: Agent) -> None:
    pids: list[int] = []

    def heard(_: int, event: Mapping[str, Any]) -> None:
        pids.extend(map(int, event["line"].split()))

    reply = agent.ask(answer("hang", deadline_s=3.0), heard)
    assert isinstance(reply, AgentError) and reply.kind == "deadline"
    assert len(pids) == 2 and to.ended(*pids)


def test_a_stop_cancels_what_runs(to: Reached) -> None:
    stop = threading.Event()
    with to.channel() as channel:
        reply = Agent(channel, stop=stop).ask(answer("hang"), lambda _index, _event: stop.set())
    assert isinstance(reply, AgentError) and reply.kind == "cancelled"


def test_nothing_of_it_is_left_on_the_host_once_the_channel_is_closed(to: Reached) -> None:
    pids: list[int] = []

    class Enough(Exception):
        pass

    def heard(_: int, event: Mapping[str, Any]) -> None:
        pids.extend(map(int, event["line"].split()))
        raise Enough

    with to.channel() as channel:
        agent = Agent(channel)
        pids.append(agent.ask(Request("hello"))["pid"])
        with pytest.raises(Enough):
            agent.ask(answer("hang"), heard)
    assert len(pids) == 3 and to.ended(*pids)


def test_an_agent_that_is_killed_is_missed_at_once_and_said_to_be(to: Reached) -> None:
    with to.channel() as channel, pytest.raises(ChannelClosed) as died:
        Agent(channel).ask(answer("kill the agent"))
    assert died.value.exit_code in (-9, 128 + 9)
    assert "SIGKILL" in str(died.value)


def test_a_python_that_prints_garbage_is_passed_over(to: Reached) -> None:
    chatty = to.folder / "chatty"
    chatty.write_text('#!/bin/sh\necho "Welcome to {{ 7*7 }}"; echo motd >&2\nexec python3 "$@"\n')
    chatty.chmod(0o755)
    with to.channel(python=str(chatty)) as channel:
        assert Agent(channel).ask(Request("hello"))["uid"] == 0


def test_two_agents_work_side_by_side(to: Reached) -> None:
    with to.channel() as one, to.channel() as other:
        pids = {Agent(channel).ask(Request("hello"))["pid"] for channel in (one, other)}
        assert len(pids) == 2


def test_what_was_opened_is_closed(to: Reached) -> None:
    before = held()
    with to.channel() as channel:
        Agent(channel).ask(Request("hello"))
    assert left_since(before) == []
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.write(b"more")
    with pytest.raises(ChannelClosed):
        channel.read(0)


def test_a_whole_run_repairs_and_undo_brings_every_byte_back(to: Reached) -> None:
    good, broken = shards.model(to.folder / "good"), shards.model(to.folder / "broken")
    shard = broken / shards.shard_name(2)
    shard.write_bytes(shard.read_bytes()[:1000])
    hosts = to.folder / "inventory.yml"
    service = {"python": sys.executable, "model": str(broken)}
    state = {"autoglm_fix_state_dir": str(to.folder / "run-state")}
    hosts.write_text(json.dumps({"all": {"hosts": {"gpu01": {**to.variables, **state, "service": service}}}}))
    options = ("-t", "weights", "--no-verify", "-e", f"weights_source={good}", "--yes")
    run = autoglm_fix("run", "no-output", "-i", hosts, *options, **to.environment)
    assert run.code == 0, run.out + run.err
    assert shard.read_bytes() == (good / shard.name).read_bytes()
    undo = autoglm_fix("undo", "--yes", *(("-i", hosts) if to.credentials.become_password else ()), **to.environment)
    assert undo.code == 0, undo.out + undo.err
    assert shard.stat().st_size == 1000
