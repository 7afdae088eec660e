from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.agent.endpoint.owner import device_nodes, is_local, name_of, owner_of, tree


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid


def listening(address: str, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    held = socket.socket(family)
    held.bind((address, 0))
    held.listen()
    return held


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_whoever_listens_is_found_with_its_children(address: str, child: int) -> None:
    with listening(address) as held:
        found = owner_of("127.0.0.1", held.getsockname()[1])
    assert (found["pids"], found["front"], found["problem"]) == ([os.getpid()], "", "")
    assert found["names"] == [Path("/proc/self/comm").read_text().strip()]
    assert child in found["tree"]


@pytest.mark.parametrize("address", ["::1", "::"])
def test_a_listener_of_the_newer_kind_is_found(address: str) -> None:
    try:
        held = listening(address, socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with held:
        assert owner_of("::1", held.getsockname()[1])["pids"] == [os.getpid()]
        both = owner_of("127.0.0.1", held.getsockname()[1])["pids"]
    assert both == ([os.getpid()] if address == "::" else [])


def test_a_listener_on_just_this_address_comes_before_one_for_all(child: int) -> None:
    """Two may hold one port: a request to the address reaches the narrower of them."""
    script = (
        "import socket, sys; held = socket.socket(); held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1);"
        "held.bind(('127.0.0.2', int(sys.argv[1]))); held.listen(); print('there', flush=True); input()"
    )
    with listening("127.0.0.1") as held:
        port = held.getsockname()[1]
        argv = [sys.executable, "-c", script, str(port)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            other.stdout.readline()
            mine, theirs = owner_of("127.0.0.1", port), owner_of("127.0.0.2", port)
            other.communicate("\n")
    assert (mine["pids"], theirs["pids"]) == ([os.getpid()], [other.pid])


def test_a_port_that_nobody_holds_has_no_owner() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        found = owner_of("127.0.0.1", held.getsockname()[1])
    assert (found["pids"], found["tree"]) == ([], [])
    assert "no process of this network namespace listens" in found["problem"]


def test_a_program_that_hands_connections_on_is_named(tmp_path: Path) -> None:
    program = tmp_path / "docker-proxy"
    program.symlink_to(os.path.realpath(sys.executable))
    script = (
        "import socket; held = socket.create_server(('127.0.0.1', 0));print(held.getsockname()[1], flush=True); input()"
    )
    argv = [str(program), "-I", "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = owner_of("127.0.0.1", int(process.stdout.readline()))
        process.communicate("\n")
    assert (found["pids"], found["front"]) == ([process.pid], "docker-proxy")


@pytest.mark.parametrize(
    ("address", "local"), [("127.0.0.1", True), ("127.0.0.9", True), ("192.0.2.1", False), ("no address", False)]
)
def test_an_address_of_this_machine_is_known(address: str, local: bool) -> None:
    assert is_local(address) is local


def test_open_nodes_of_the_driver_are_told(child: int) -> None:
    assert device_nodes([os.getpid(), child, 4_000_000]) == {}


def test_a_process_that_is_gone_has_no_tree_and_no_name() -> None:
    assert (tree([4_000_000]), name_of(4_000_000)) == ([], "")
