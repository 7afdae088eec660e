"""Files that travel over the channel: whole and checked, a little ahead and never all at once, gone after the run."""

from __future__ import annotations

import hashlib
import os
import random
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.frames import Frames, pack, pack_bytes, unpack, unpack_bytes
from autoglm_fix.connect import Agent, AgentError, ChannelClosed, Request
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from tests.disks import disk
from tests.pythons import python_3_8

MIB = 1 << 20


@pytest.fixture(params=["this", "3.8"])
def agent(request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Agent]:
    python = sys.executable if request.param == "this" else python_3_8()
    agent = Agent(LocalChannel(argv(python)), state_dir=str(state_dir))
    agent.lock("run", "a test")
    yield agent
    agent.close()


def file(folder: Path, size: int) -> tuple[str, str, bytes]:
    content = random.Random(size).randbytes(size)
    path = folder / "torch.whl"
    path.write_bytes(content)
    return str(path), hashlib.sha256(content).hexdigest(), content


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 12 * MIB + 7])
def test_a_file_arrives_as_it_was(agent: Agent, tmp_path: Path, state_dir: Path, size: int) -> None:
    path, sha256, content = file(tmp_path, size)
    said: list[Mapping[str, Any]] = []
    assert agent.send_file(path, sha256, lambda _, event: said.append(event)) is None
    arrived = state_dir / "parcels" / sha256
    assert arrived.read_bytes() == content
    assert os.listdir(arrived.parent) == [sha256]
    assert arrived.parent.stat().st_mode & 0o777 == 0o700
    assert all(event["event"] == "progress" for event in said)
    if size:
        assert (said[-1]["what"], said[-1]["done"], said[-1]["total"]) == ("sending torch.whl", size, size)
    assert agent.ask(Request("hello"))["uid"] == os.geteuid()


def test_what_has_arrived_is_not_taken_twice(agent: Agent, tmp_path: Path, state_dir: Path) -> None:
    path, sha256, content = file(tmp_path, 8 * MIB)
    assert agent.send_file(path, sha256) is None
    assert agent.send_file(path, sha256) is None
    assert (state_dir / "parcels" / sha256).read_bytes() == content


def test_parcels_are_gone_after_the_run_and_before_the_next(agent: Agent, tmp_path: Path, state_dir: Path) -> None:
    path, sha256, _ = file(tmp_path, 100)
    agent.send_file(path, sha256)
    agent.unlock()
    agent.ask(Request("hello"))
    assert not (state_dir / "parcels").exists()
    (state_dir / "parcels").mkdir()
    (state_dir / "parcels" / "of-a-run-that-was-killed").touch()
    agent.lock("next", "a test")
    assert not (state_dir / "parcels").exists()


def test_a_damaged_file_is_refused(agent: Agent, tmp_path: Path, state_dir: Path) -> None:
    path, _, _ = file(tmp_path, 3 * MIB)
    assert agent.send_file(path, "0" * 64) == AgentError("refused", "torch.whl came damaged")
    assert os.listdir(state_dir / "parcels") == []


def test_a_full_disk_refuses_and_the_channel_goes_on(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "2M") as mount:
        agent = Agent(LocalChannel(argv(sys.executable)), state_dir=str(mount / "state"))
        try:
            agent.lock("run", "a test")
            path, sha256, _ = file(tmp_path, 12 * MIB)
            error = agent.send_file(path, sha256)
            assert error is not None and "No space left" in error.message
            assert os.listdir(mount / "state" / "parcels") == []
            path, sha256, _ = file(tmp_path, 1000)
            assert agent.send_file(path, sha256) is None
        finally:
            agent.close()


def test_a_stop_ends_it(tmp_path: Path, state_dir: Path) -> None:
    stop = threading.Event()
    agent = Agent(LocalChannel(argv(sys.executable)), state_dir=str(state_dir), stop=stop)
    try:
        agent.lock("run", "a test")
        path, sha256, _ = file(tmp_path, 64 * MIB)
        stop.set()
        error = agent.send_file(path, sha256)
        assert error is not None and error.kind == "cancelled"
    finally:
        agent.close()


def test_a_channel_that_breaks_is_said_so(tmp_path: Path, state_dir: Path) -> None:
    channel = LocalChannel(argv(sys.executable))
    agent = Agent(channel, state_dir=str(state_dir))
    agent.lock("run", "a test")
    path, sha256, _ = file(tmp_path, 8 * MIB)
    with pytest.raises(ChannelClosed):
        agent.send_file(path, sha256, lambda *_: channel.close())


def test_byte_frames_and_messages_share_the_wire() -> None:
    stream = pack({"id": 1}) + pack_bytes(70000, b"\0\xff" * 9) + pack_bytes(2, b"") + pack({"id": 3})
    frames = Frames()
    bodies = [body for at in range(0, len(stream), 7) for body in frames.feed(stream[at : at + 7])]
    assert [unpack_bytes(body) or unpack(body) for body in bodies] == [
        {"id": 1},
        (70000, b"\0\xff" * 9),
        (2, b""),
        {"id": 3},
    ]
