"""start_up: real processes that stand still, each for another reason, told from those that are only slow."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.start_up import StartUp, Wait
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.starting.watch import moved

Start = Callable[..., int]
UP = "print('up', flush=True)\n"


@pytest.fixture
def nobody() -> Iterator[str]:
    """An endpoint of this machine at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def waits(pid: int) -> bool:
    """Whether a process sleeps now."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Start]:
    """Starts a program, waits until it says that it is up and (not if it ``works``) until it waits; its number."""
    with contextlib.ExitStack() as stack:

        def start(code: str, *, works: bool = False, **variables: str) -> int:
            (tmp_path / "serve.py").write_text(code)
            with open(tmp_path / "log", "wb") as log:
                argv = [sys.executable, str(tmp_path / "serve.py")]
                process = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, **variables})
            stack.callback(process.wait)
            stack.callback(process.kill)
            while "up" not in (tmp_path / "log").read_text() or not (works or waits(process.pid)):
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.01)
            return process.pid

        yield start


@pytest.fixture
def look(tmp_path: Path, nobody: str) -> Callable[..., StartUp]:
    """The fact about that program."""

    def collect(endpoint: str | None = nobody, watch: float = 1.0) -> StartUp:
        command = [sys.executable, str(tmp_path / "serve.py")]
        spec = ServiceSpec(name="glm", manager="command", command=command, endpoint=endpoint)
        return StartUp.collect(Context(spec), watch=watch)

    return collect


Look = Callable[..., StartUp]


class _Health(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return None


@contextlib.contextmanager
def healthy(status: int) -> Iterator[str]:
    handler = type("Handler", (_Health,), {"status": status})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def full() -> Iterator[int]:
    """A port whose queue is full: who connects to it gets no answer at all."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.parametrize("status", [200, 401, 404])
def test_one_that_answers_is_not_looked_at(look: Look, status: int) -> None:
    with healthy(status) as endpoint:
        assert look(endpoint) == StartUp("answers")


def test_nothing_that_runs_is_nothing_to_look_at(look: Look) -> None:
    assert look() == StartUp("down")


def test_a_program_without_an_endpoint_that_sleeps_is_left_alone(serve: Start, look: Look) -> None:
    serve(UP + "import time; time.sleep(1000)")
    assert look(None) == StartUp("runs")


@pytest.mark.slow
def test_one_that_still_loads_is_looked_at(serve: Start, look: Look) -> None:
    with healthy(503) as endpoint:
        # It is not found by its port, which is this test's own: its command tells.
        serve(UP + "import time; time.sleep(1000)")
        found = look(endpoint)
    assert found.connects


@pytest.mark.slow
def test_one_that_reads_moves_and_its_rate_is_told(serve: Start, look: Look, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(os.urandom(1 << 20))
    serve(f"import time\n{UP}while True:\n open({str(tmp_path / 'weights')!r}, 'rb').read(); time.sleep(0.05)")
    found = look(watch=60.0)
    first, last = found.samples
    assert moved(first, last)
    assert last.at < 30
    assert first.read is not None and last.read is not None and last.read - first.read > 1 << 20
    assert (found.stacks, found.waits) == ([], [])
    assert found.log == ["up"]


@pytest.mark.slow
def test_one_that_computes_shows_by_its_processor_time_alone(serve: Start, look: Look) -> None:
    serve(UP + "while True: pass", works=True)
    found = look()
    first, last = found.samples
    assert not moved(first, last)
    assert last.cpu - first.cpu >= 0.03  # one that waits has none of it, and a busy machine leaves others little


@pytest.mark.slow
def test_one_that_sleeps_shows_what_it_does_by_py_spy(
    serve: Start, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    if shutil.which("py-spy") is None:
        pytest.skip("py-spy is not installed")
    pid = serve(f"import time\ndef waits_for_ever():\n time.sleep(1000)\n{UP}waits_for_ever()")
    found = look()
    assert len(found.stacks) == 2
    assert found.stacks[0] == found.stacks[1]
    assert "waits_for_ever (serve.py:3)" in found.stacks[0]
    assert found.stacked.startswith(f"{pid} (")


@pytest.mark.slow
def test_without_py_spy_the_kernel_is_asked(
    serve: Start, look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("autoglm_fix.agent.starting.stacks._places", lambda _service: [])
    serve(UP + "import time; time.sleep(1000)")
    found = look()
    assert found.stacks or found.unstacked == "py-spy is not on this host"


@pytest.mark.slow
def test_one_that_waits_for_a_lock_names_its_holder(serve: Start, look: Look, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with open(path, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        pid = serve(f"import fcntl\nf = open({str(path)!r}, 'w')\n{UP}fcntl.flock(f, fcntl.LOCK_EX)")
        found = look()
    (wait,) = [each for each in found.waits if each.kind == "lock"]
    assert (wait.what, wait.pid) == (str(path), pid)
    assert f"(pid {os.getpid()})" in wait.who


POLLS = """
import fcntl, time
f = open({path!r}, "w")
print("up", flush=True)
while True:
    try:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        break
    except OSError:
        time.sleep(0.05)
"""


@pytest.mark.slow
def test_one_that_polls_a_lock_of_a_cache_is_told_of_its_holder(serve: Start, look: Look, tmp_path: Path) -> None:
    path = tmp_path / "hub" / ".locks" / "a.lock"
    path.parent.mkdir(parents=True)
    with open(path, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        serve(POLLS.format(path=str(path)))
        found = look()
    assert str(path) in [each.what for each in found.waits if each.kind == "held"]


@pytest.mark.slow
def test_a_lock_file_that_nobody_holds_is_found(serve: Start, look: Look, tmp_path: Path) -> None:
    path = tmp_path / "extensions" / "py311_cu128" / "ext" / "lock"
    path.parent.mkdir(parents=True)
    path.touch()
    code = f"import os, time\n{UP}while os.path.exists({str(path)!r}): time.sleep(0.1)"
    serve(code, TORCH_EXTENSIONS_DIR=str(tmp_path / "extensions"))
    assert Wait("left", str(path)) in look().waits
    with open(path):
        assert Wait("left", str(path)) not in look().waits


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["of a server", ""])
def test_one_whose_connection_nobody_takes_names_the_other_side(
    serve: Start, look: Look, nobody: str, endpoint: str
) -> None:
    with full() as port:
        pid = serve(f"import socket\n{UP}socket.create_connection(('127.0.0.1', {port}))")
        found = look(nobody if endpoint else None)
    assert Wait("connect", f"127.0.0.1:{port}", pid) in found.waits


@pytest.mark.slow
def test_one_that_asks_for_a_name_names_who_is_asked(serve: Start, look: Look) -> None:
    code = f"import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.connect(('127.0.0.53', 53))\n{UP}s.recv(9)"
    pid = serve(code)
    assert Wait("dns", "127.0.0.53", pid) in look().waits


@pytest.mark.slow
def test_one_that_compiles_is_told_by_its_children(serve: Start, look: Look, tmp_path: Path) -> None:
    compiler = tmp_path / "ptxas"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", compiler)
    code = f"import subprocess\nwith subprocess.Popen([{str(compiler)!r}, '1000']) as child:\n print('up', flush=True)"
    pid = serve(code)
    try:
        assert look().compilers == ["ptxas"]
    finally:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), 9)


@pytest.mark.slow
def test_a_log_that_was_deleted_is_read_all_the_same_and_said(serve: Start, look: Look, tmp_path: Path) -> None:
    serve(UP + "import time; time.sleep(1000)")
    (tmp_path / "log").unlink()
    found = look()
    assert (found.output, found.log) == ("deleted", ["up"])


@pytest.mark.slow
def test_its_shared_memory_is_measured(serve: Start, look: Look) -> None:
    serve(UP + "import time; time.sleep(1000)")
    found = look()
    if found.shm_total is not None and found.shm_free is not None:
        assert 0 <= found.shm_free <= found.shm_total


def test_garbage_for_an_endpoint_is_no_answer(look: Look) -> None:
    assert look("http://127.0.0.1:notaport/v1").state == "down"
