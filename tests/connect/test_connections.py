"""The engine's only door to hosts: which transport for which route, and that all of it ends with the run."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, ChannelClosed, NotConnected, Request
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route
from tests.connect.ssh.faults import proxy
from tests.connect.ssh.lab import held, held_again, hello, known, route, threads_again
from tests.hosts import Host, boot

NO_PARAMIKO = """
import sys
from autoglm_fix.connect import Agent, Request
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route
with Connections() as connections:
    agent = Agent(connections.open("here", Route("local"), Credentials()))
    assert agent.ask(Request("hello", modules=("autoglm_fix.agent.hello",)))["pid"]
    agent.close()
sys.exit("paramiko" in sys.modules or "cryptography" in sys.modules)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False) as host:
        host.write("/root/.bashrc", "")
        yield host


@pytest.fixture(scope="module")
def known_hosts(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known(tmp_path_factory.mktemp("ssh"), host)


def test_a_local_run_imports_nothing_of_ssh() -> None:
    subprocess.run([sys.executable, "-c", NO_PARAMIKO], check=True)


def test_a_connection_that_there_is_not_is_said() -> None:
    with Connections() as connections, pytest.raises(NotConnected) as caught:
        connections.open("gpu01", Route("telnet"), Credentials())
    assert (caught.value.code, caught.value.values) == ("connect.no-transport", {"connection": "telnet"})


def test_a_thread_that_is_left_when_the_run_ends_opens_nothing(
    host: Host, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held()
    connections = Connections()
    # The run ends while the thread is busy importing.
    monkeypatch.setattr("autoglm_fix.connect.ssh.slim.import_paramiko", connections.close)
    for _ in range(2):
        with pytest.raises(NotConnected) as caught:
            connections.open("gpu01", route(host, known_hosts), Credentials())
        assert (caught.value.code, caught.value.values) == ("connect.stopped", {"host": "gpu01"})
    connections.expect([("gpu01", route(host, known_hosts))])
    assert held_again(before) == before


def test_agents_that_were_closed_end(host: Host, known_hosts: Path) -> None:
    before = held()
    with Connections() as connections:
        agents: list[Agent] = []

        def start() -> None:
            agents.append(Agent(connections.open("gpu01", route(host, known_hosts), Credentials())))

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {hello(agent) for agent in agents} == {"gpu01"}
        for agent in agents:
            agent.close()
    assert held_again(before) == before
    host.run("sh", "-c", "while pgrep -f '[-]I -B -X utf8'; do sleep 0.02; done")


def test_a_host_that_does_not_let_go_is_left(host: Host, known_hosts: Path) -> None:
    before = held()
    with proxy(host.address, 22) as between:
        with_proxy = threading.active_count()
        with Connections() as connections:
            agent = Agent(connections.open("gpu01", route(host, known_hosts, between.port), Credentials()))
            assert hello(agent) == "gpu01"
            between.frozen.set()
            agent.close()
        assert threads_again(with_proxy + 1) == with_proxy + 1  # the proxy's own
    assert held_again(before) == before


@pytest.mark.slow
def test_a_connection_that_freezes_while_something_is_asked_ends_before_the_request_does(
    host: Host, known_hosts: Path
) -> None:
    with proxy(host.address, 22) as between, Connections() as connections:
        to = route(host, known_hosts, between.port, serveraliveinterval="2", serveralivecountmax="3")
        agent = Agent(connections.open("gpu01", to, Credentials()))
        assert hello(agent) == "gpu01"
        between.frozen.set()
        with pytest.raises(ChannelClosed, match="it gave no sign of life for 6 s"):
            agent.ask(Request("hello", modules=("autoglm_fix.agent.hello",), deadline_s=600))


def test_a_python_that_hangs_has_as_long_as_any_phase_of_connecting(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 100\n")
    python.chmod(0o755)
    with Connections() as connections, pytest.raises(NotConnected) as why:
        channel = connections.open("gpu01", Route(python=str(python), timeout_s=0.5), Credentials())
        while True:
            channel.read(5.0)
    assert (why.value.code, why.value.values["timeout_s"]) == ("start.timed-out", 0.5)
