"""Services that nobody manages: found by their port, their model or their command, and never mistaken."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.definition.by_hand import listener, port_here
from autoglm_fix.agent.definition.processes import contents, running, tree
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.service import ServiceSpec

SLEEP = "import time; time.sleep(1000)"


@contextlib.contextmanager
def process(
    *argv: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, *argv], env=env, cwd=cwd, start_new_session=True)
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def looked(**spec: Any) -> Service:
    return Service.collect(Context(ServiceSpec(name="glm", **spec)))


def test_whoever_listens_on_the_port_is_the_service(port: int) -> None:
    service = looked(endpoint=f"http://127.0.0.1:{port}/v1")
    assert service.state == "by-hand" and service.running is not None
    assert service.running.pid == os.getpid()
    assert service.expected


def test_a_port_that_nobody_listens_on_is_nobodys(port: int) -> None:
    assert looked(endpoint="http://127.0.0.1:1/v1").running is None
    assert listener(1) == (0, None)
    assert listener(port) == (os.getpid(), os.getuid())


def test_a_process_whose_command_names_the_model_is_the_service(tmp_path: Path) -> None:
    model = str(tmp_path / "model")
    with process("-c", SLEEP, "--model", model) as started, process("-c", SLEEP, f"--model={model}-2"):
        service = looked(model=model + "/")
        assert service.running is not None and service.running.pid == started.pid
        assert not service.expected  # without an endpoint it need not run
        with process("-c", SLEEP, f"--model={model}-3"):
            other = looked(model=f"{model}-2")
            assert other.running is not None and other.running.pid != started.pid


def test_no_program_that_merely_names_the_model_is_the_service(tmp_path: Path) -> None:
    model = str(tmp_path / "model")
    with subprocess.Popen(["/bin/sh", "-c", f"cat; : {model}"], stdin=subprocess.PIPE) as other:
        assert looked(model=model).running is None
        other.communicate()
    with process("-c", SLEEP, "autoglm_fix", "--model", model):
        assert looked(model=model).running is None


def test_a_process_started_with_the_inventorys_command_is_the_service(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLEEP, str(tmp_path)]
    with process(*command[1:]) as started:
        service = looked(manager="command", command=command)
        assert service.running is not None and service.running.pid == started.pid
        assert service.defined is not None and service.defined.argv == command


def test_a_live_process_is_told_with_its_children(tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}])"
    with process("-c", code, env={**os.environ, "MODEL": "é\n"}, cwd=tmp_path) as started:
        deadline = time.monotonic() + 60
        while len(tree(started.pid)) < 2:
            assert time.monotonic() < deadline
        found = running(started.pid)
        assert found is not None
        assert found.argv == [sys.executable, "-c", code]
        assert found.environment is not None and found.environment["MODEL"] == "é\n"
        assert found.working_dir == str(tmp_path)
        assert found.python == os.path.realpath(sys.executable)
        assert len(found.pids) == 2 and found.pids[0] == started.pid
        assert time.time() - 120 < found.since <= time.time() + 1
    assert running(started.pid) is None


@pytest.mark.slow
def test_reads_that_never_end_are_left_behind(tmp_path: Path) -> None:
    stuck, file = tmp_path / "fifo", tmp_path / "file"
    os.mkfifo(stuck)
    file.write_text("read")
    try:
        read = contents([str(stuck), str(file), str(tmp_path / "gone")])
    finally:
        os.close(os.open(stuck, os.O_WRONLY))  # whoever waits in there wakes up
    assert read == {str(file): b"read"}


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("http://127.0.0.1:8000/v1", 8000),
        ("http://localhost/v1", 80),
        ("https://[::1]/v1", 443),
        (f"http://{os.uname().nodename}:8000", 8000),
        ("http://203.0.113.7:8000/v1", 0),
        ("http://gpu07.example:8000/v1", 0),
        ("http://127.0.0.1:99999", 0),
        ("nonsense", 0),
        (None, 0),
    ],
)
def test_only_a_port_of_this_machine_is_looked_at(endpoint: str | None, port: int) -> None:
    assert port_here(endpoint) == port


def test_what_a_service_reads_at_its_start_is_dated(tmp_path: Path) -> None:
    model = tmp_path / "real"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "README.md").write_text("read by nobody")
    link = tmp_path / "model"
    link.symlink_to(model)
    for path in (model / "config.json", model):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    endpoint = "http://127.0.0.1:1/v1"
    service = looked(endpoint=endpoint, model=str(link))
    assert service.changed_path == str(link) and service.changed is not None
    assert str(link) + "/" in service.reads
    os.utime(link, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
    assert looked(endpoint=endpoint, model=str(link)).changed == 1_000_000_000
    # A second name for a file changes nothing that anybody reads, though it dates the file's inode.
    os.link(model / "config.json", tmp_path / "second")
    assert looked(endpoint=endpoint, model=str(link)).changed == 1_000_000_000
    # A file that comes to lie there brings its own, old time.
    other = tmp_path / "other"
    other.write_text("{ }")
    os.utime(other, (1_000_000_000, 1_000_000_000))
    other.rename(model / "config.json")
    service = looked(endpoint=endpoint, model=str(link))
    assert service.changed is not None and service.changed > 1_000_000_000
    assert service.changed_path == str(model / "config.json")
    # A time to come is none that can be told from the start.
    os.utime(model / "config.json", (4_000_000_000, 4_000_000_000))
    assert looked(endpoint=endpoint, model=str(link)).changed_path == str(link)
