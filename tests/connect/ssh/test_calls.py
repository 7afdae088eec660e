"""Hosts are called before they are needed: they answer early, once, and what goes wrong waits until it is asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route
from autoglm_fix.connect.ssh.calls import Calls
from autoglm_fix.connect.ssh.dial import GREETING
from autoglm_fix.connect.ssh.links import Links
from tests.connect.ssh.faults import proxy
from tests.connect.ssh.lab import heard, known, route
from tests.hosts import Host, boot

NOBODY = Credentials()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False) as host:
        yield host


@pytest.fixture(scope="module")
def known_hosts(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known(tmp_path_factory.mktemp("ssh"), host)


@contextlib.contextmanager
def calling(stop: threading.Event | None = None) -> Iterator[Calls]:
    calls = Calls(accept_new=False, stop=stop or threading.Event())
    try:
        yield calls
    finally:
        calls.close()


def to(port: int) -> Route:
    return Route("ssh", "127.0.0.1", port, "root", options={"configfile": "none"})


def test_an_expected_host_is_greeted_before_anybody_asks_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, calling() as calls:
        calls.expect("gpu01", to(server.getsockname()[1]))
        server.settimeout(10)
        with contextlib.closing(server.accept()[0]) as near:
            near.settimeout(10)
            assert near.recv(100) == f"{GREETING}\r\n".encode()


def test_the_greeting_is_one_that_the_protocol_allows() -> None:
    protocol, version, software = GREETING.split("-", 2)
    assert (protocol, version) == ("SSH", "2.0")
    assert software.isascii()
    assert software.isprintable()
    assert not {" ", "-"} & set(software)


def test_a_host_that_was_called_is_reached_by_that_call(host: Host, known_hosts: Path) -> None:
    with proxy(host.address, 22) as between, calling() as calls:
        way = route(host, known_hosts, between.port)
        for _ in range(2):
            calls.expect("gpu01", way)
        with contextlib.closing(Links(calls).link("gpu01", way, NOBODY)) as link:
            assert heard(link.execute("echo here"))[0] == b"here\n"
        assert between.accepted == 1


def test_what_went_wrong_is_told_when_the_host_is_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with calling() as calls:
        calls.expect("gpu01", to(port))
        with pytest.raises(NotConnected) as caught:
            calls.reach(calls.config.settings("gpu01", to(port)))
        assert caught.value.code == "link.refused"


@pytest.mark.parametrize("option", ["proxyjump", "proxycommand"])
def test_a_host_behind_something_is_not_called_ahead(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, calling() as calls:
        way = to(server.getsockname()[1])
        calls.expect("gpu01", replace(way, options={**way.options, option: "false"}))
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def test_nobody_is_called_whose_configuration_is_wrong() -> None:
    way = replace(to(22), options={"configfile": "/nowhere/at/all"})
    with calling() as calls:
        calls.expect("gpu01", way)
        with pytest.raises(NotConnected):
            calls.config.settings("gpu01", way)


def test_who_is_called_and_not_asked_for_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Connections() as connections:
            connections.expect([("gpu01", to(server.getsockname()[1])), ("here", Route("local"))])
            server.settimeout(10)
            near = server.accept()[0]
        with near:
            near.settimeout(10)
            assert near.recv(100).startswith(b"SSH-")
            assert near.recv(100) == b""


def test_a_call_that_nobody_answers_holds_up_no_end() -> None:
    # Its queue is full: the kernel drops who knocks.
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as server,
        socket.create_connection(server.getsockname()),
        Connections() as connections,
    ):
        connections.expect([("gpu01", to(server.getsockname()[1]))])
