"""The service's own Python in its container: its engine starts it there, with that user and those limits."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import time
from typing import Any, Mapping

from ..context import Context
from ..definition.container_record import found
from ..definition.engine_api import Engine, EngineError, Frames
from ..definition.processes import alive
from ..no_answer import NoAnswer
from ..unknown import CannotTell
from ..usage import session
from .conversation import Conversation
from .surroundings import for_a_probe

_ABANDON_AFTER_S = 5.0
_LAST_WORDS_S = 1.0
_SCRATCH = "{scratch}"
# It stays as the parent of the one that works, and ends it with the connection, or with our 0. What it
# writes lies in a private folder, which is removed. Its first output is the channel for answers. It takes in
# orphans (PR_SET_CHILD_SUBREAPER): the first process of most containers never asks how its children ended.
_SUPERVISE = """
import sys
if sys.version_info < (3, 8):
    sys.exit("Python %d.%d is too old: 3.8 is the oldest" % sys.version_info[:2])
import importlib, json, os, select, shutil, signal, tempfile, time
def take(count):
    got = b""
    while len(got) < count:
        more = os.read(0, count - len(got))
        if not more:
            sys.exit(1)
        got += more
    return got
wire = json.loads(take(int(take(8), 16)))
try:
    os.setsid()
except OSError:
    pass
try:
    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
except (ImportError, OSError, AttributeError):
    pass
scratch = tempfile.mkdtemp(prefix="autoglm-fix-")
answers = os.dup(1)
os.dup2(2, 1)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    try:
        with open("/proc/self/oom_score_adj", "w") as out:
            out.write("1000")
    except OSError:
        pass
    for name, value in wire["environment"].items():
        os.environ[name] = value.replace("{scratch}", scratch)
        if "{scratch}" in value:
            os.makedirs(os.environ[name], mode=0o700, exist_ok=True)
    sys.path[:] = [each for each in sys.path if each]
    space = {"__name__": "memory"}
    exec(wire["importer"], space)
    space["install"](wire["sources"])
    wire["answers"] = answers
    importlib.import_module(wire["entry"]).main(wire)
os.close(answers)
status = None
while status is None:
    heard = select.select([0], [], [], 0.1)[0]
    done, how = os.waitpid(pid, os.WNOHANG)
    if done:
        status = how
    elif heard and os.read(0, 1) in (b"", b"0"):
        break
for end in (os.killpg, os.kill) if status is None else (os.killpg,):
    try:
        end(pid, signal.SIGKILL)
    except OSError:
        pass
latest = time.monotonic() + 2
while time.monotonic() < latest:
    try:
        done, how = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        break
    if done == pid:
        status = how
    elif not done:
        time.sleep(0.01)
shutil.rmtree(scratch, ignore_errors=True)
if status is None:
    os._exit(1)
os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
"""


def call_inside(ctx: Context, request: Mapping[str, Any], timeout_s: float, no_progress_s: float) -> dict[str, Any]:
    """As ``call.call``, beside the container's main process. CannotTell where it does not run."""
    there = found(ctx, ctx.service)
    if not there.pid:
        raise CannotTell(f"the container {there.name} does not run: its Python cannot be asked")
    python = ctx.service.python or "python3"
    variables = {"HOME": "/", **ctx.service.environment}
    probe = {name: value for name, value in for_a_probe(variables, _SCRATCH).items() if variables.get(name) != value}
    try:
        execution = _Execution(Engine(there.engine), there.record["Id"], python)
        try:
            execution.send({**request, "environment": probe})
            ctx.emit({"event": "started", "pid": execution.pid})
            return Conversation(ctx, f"{python} in {there.name}", execution).answer(timeout_s, no_progress_s)
        finally:
            execution.end(ctx)
    except EngineError as err:
        raise NoAnswer("not-started", f"{shlex.quote(python)} cannot be run in {there.name}: {err}", []) from err


class _Execution:
    """A process that the engine starts in a container. Both its outputs come over one connection."""

    def __init__(self, engine: Engine, container: str, python: str) -> None:
        self._engine = engine
        self._id = engine.prepare(container, [python, "-B", "-c", _SUPERVISE])
        self._connection = engine.execute(self._id)
        self._frames = Frames()
        self._dead_since = 0.0
        self.pid = self._started()

    def send(self, request: Mapping[str, Any]) -> None:
        """Give it its work."""
        body = json.dumps(request).encode()
        with contextlib.suppress(BrokenPipeError):  # it has ended already, and says why
            self._connection.sendall(b"%08x" % len(body) + body)

    def _started(self) -> int:
        """Its process id, once it has one; 0 where it was not started."""
        latest = time.monotonic() + _ABANDON_AFTER_S
        while time.monotonic() < latest:
            now = self._engine.execution(self._id)
            if now.get("Pid") or (now.get("ExitCode") is not None and not now.get("Running")):
                return int(now.get("Pid") or 0)
            time.sleep(0.02)
        return 0

    def sources(self) -> list[int]:
        """The connection."""
        return [self._connection.fileno()]

    def receive(self, source: int) -> Mapping[str, bytes] | None:
        """What came of its outputs; the first one is for answers."""
        try:
            data = self._connection.recv(1 << 16)
        except ConnectionResetError:  # how podman may end an execution that never began
            data = b""
        if not data:
            self._dead_since = -1.0
            return None
        said = {"answers": b"", "output": b""}
        for stream, part in self._frames.feed(data):
            said["answers" if stream == 1 else "output"] += part
        return said

    def ended(self) -> bool:
        """Whether the connection has ended, or the process for so long that nothing more can come."""
        if self._dead_since >= 0 and self.pid and not alive(self.pid):
            self._dead_since = self._dead_since or time.monotonic()
            return time.monotonic() - self._dead_since > _LAST_WORDS_S
        return self._dead_since < 0

    def ending(self) -> tuple[int, int]:
        """Its exit status; a signal's number is told by 128 more."""
        status = int(self._engine.execution(self._id).get("ExitCode") or 0)
        return (0, status - 128) if status - 128 in set(signal.Signals) else (status, 0)

    def end(self, ctx: Context) -> None:
        """Have it ended, and what it left removed. What does not go is killed, or left behind."""
        with contextlib.suppress(OSError):
            self._connection.sendall(b"0")
        latest = time.monotonic() + _ABANDON_AFTER_S
        while self.pid and alive(self.pid) and time.monotonic() < latest:
            time.sleep(0.05)
        self._connection.close()
        for pid in session(self.pid) if self.pid and alive(self.pid) else []:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            ctx.log(f"process {pid} of the container did not end by itself")
