"""The check that every test passes through: what it calls a leak, and what it does not."""

from __future__ import annotations

import os
import socket
import subprocess
import threading

import pytest

from tests.leaks import held, left_since


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.leaks.PATIENCE_S", 0.1)


def test_nothing_is_left_of_nothing() -> None:
    assert left_since(held()) == []


@pytest.mark.parametrize("daemon", [False, True])
def test_a_thread_that_goes_on_is_a_leak(daemon: bool) -> None:
    before, go_on = held(), threading.Event()
    thread = threading.Thread(target=go_on.wait, name="busy", daemon=daemon)
    thread.start()
    assert left_since(before) == ["threads left: busy"]
    go_on.set()
    thread.join()
    assert left_since(before) == []


def test_a_child_that_goes_on_and_one_that_nobody_waits_for_are_leaks() -> None:
    before = held()
    child = subprocess.Popen(["sleep", "600"])
    assert left_since(before) == [f"child processes left: {child.pid} (sleep 600)"]
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert left_since(before) == [f"child processes left: {child.pid} (ended, and not waited for)"]
    child.wait()
    assert left_since(before) == []


@pytest.mark.parametrize("kind", ["file", "socket", "pipe"])
def test_what_stays_open_is_a_leak_and_named(kind: str) -> None:
    before = held()
    if kind == "pipe":
        opened = list(os.pipe())
    elif kind == "socket":
        opened = [socket.socket().detach()]
    else:
        opened = [os.open("/etc/passwd", os.O_RDONLY)]
    (said,) = left_since(before)
    assert said.startswith("file descriptors left: ")
    assert {"file": "/etc/passwd", "socket": "socket:[", "pipe": "pipe:["}[kind] in said
    for descriptor in opened:
        os.close(descriptor)
    assert left_since(before) == []


def test_what_only_a_circle_of_objects_holds_is_none() -> None:
    class Holder:
        def __init__(self) -> None:
            self.me, self.open = self, socket.socket()

    before = held()
    with pytest.warns(ResourceWarning):
        Holder()
        assert left_since(before) == []
