"""Runs a function of the agent in the service's own Python, as the service's user.

Torch and transformers live there. Nothing is written on the host but caches in a private folder that
goes away, and nothing is left running: the process leads a group that ends with the call, or with
this process, however that ends.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Iterator

from .. import memory
from ..context import Context
from ..no_answer import NoAnswer
from ..sources import with_imports
from ..unknown import CannotTell
from ..usage import oom_kills, used_by_session
from . import entry, launch
from .surroundings import Identity, environment, for_a_probe, identity, interpreter, make_scratch

_AGENT = (__package__ or "").rpartition(".")[0]
_TAIL_LINES = 40
_TICK_S = 0.5
_ABANDON_AFTER_S = 5.0
_ALIVE_EVERY_S = 15.0

_LAUNCH = "import os,json;n=int(os.read(0,8),16);w=json.loads(os.read(0,n));g={};exec(w['code'],g);g['main'](w)"
_ENTER = (
    "import sys;sys.path[:]=[p for p in sys.path if p]\n"
    "if sys.version_info<(3,8):sys.exit('Python %d.%d is too old: 3.8 is the oldest'%sys.version_info[:2])\n"
    "import json,importlib;w=json.loads(sys.stdin.buffer.read());g={'__name__':'memory'}\n"
    "exec(w['importer'],g);g['install'](w['sources']);importlib.import_module(w['entry']).main(w)"
)
# Waits for a 0 or the end of its stdin, then ends the group that it was told of last and removes the
# folder. The 0, because an abandoned child may hold the other end of stdin open.
_CLEAN = (
    "import os,shutil,sys;group=0\n"
    "for line in sys.stdin:\n"
    " group=int(line)\n"
    " if not group:break\n"
    "try:group and os.killpg(group,9)\n"
    "except OSError:pass\n"
    "shutil.rmtree(sys.argv[1],ignore_errors=True)"
)


def call(
    ctx: Context,
    module: str,
    function: str,
    arguments: dict[str, Any],
    *,
    timeout_s: float,
    no_progress_s: float = 60.0,
) -> dict[str, Any]:
    """``autoglm_fix.agent.<module>:<function>(emit, **arguments)`` there; its JSON-able result.

    What it emits goes to ``ctx.emit``; ``{"event": "started", "pid": N}`` comes first, ``alive`` while it
    works in silence. Progress is an event, output, bytes read, memory or processor time: none for
    ``no_progress_s`` ends it, as does ``timeout_s``. Raises NoAnswer, or a CannotTell that was raised
    there.
    """
    python = interpreter(ctx)
    service = ctx.service
    who = identity(service, python)
    if service.user and service.user.partition(":")[0] not in (who.name, str(who.uid)):
        ctx.log(f"{python} runs as {who.name}, not as the service's user {service.user}")
    variables = environment(service, who.home, who.name)
    request = _request(module, function, arguments)
    with _scratch(who) as (folder, told):
        running = _Running(ctx, python, who, for_a_probe(variables, folder), request)
        try:
            os.write(told, b"%d\n" % running.pid)
            return running.answer(timeout_s, no_progress_s)
        finally:
            running.end()


def _request(module: str, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    name = f"{_AGENT}.{module}"
    return {
        "importer": with_imports(memory.__name__)[memory.__name__],
        "sources": with_imports(name, entry.__name__),
        "entry": entry.__name__,
        "module": name,
        "function": function,
        "arguments": arguments,
    }


@contextlib.contextmanager
def _scratch(who: Identity) -> Iterator[tuple[str, int]]:
    """A private folder of ``who``, and a pipe to the process that removes it when the pipe ends."""
    source, told = os.pipe()
    folder = tempfile.mkdtemp(prefix="autoglm-fix-")
    cleaner = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _CLEAN, folder], stdin=source, start_new_session=True
    )
    os.close(source)
    try:
        make_scratch(folder, who)
        yield folder, told
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(told, b"0\n")
        os.close(told)
        cleaner.wait()


class _Running:
    """The process, and what came from it so far."""

    def __init__(
        self, ctx: Context, python: str, who: Identity, variables: dict[str, str], request: dict[str, Any]
    ) -> None:
        self._ctx = ctx
        self._python = python
        self._tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
        self._rest = {"answers": b"", "output": b""}
        self._messages: dict[str, Any] = {}
        self._kills = oom_kills()
        self._answers, answers = os.pipe()
        self._output, output = os.pipe()
        start = {
            "code": with_imports(launch.__name__)[launch.__name__],
            "argv": [python, "-B", "-c", _ENTER],
            "environment": variables,
            "folder": ctx.service.working_dir or os.getcwd(),
            "uid": who.uid if who.switch else None,
            "gid": who.gid,
            "groups": who.groups,
            "answers": answers,
        }
        # Through memory: variables may be secrets, and no argument list or file must show them.
        body = json.dumps(start).encode()
        stdin = os.memfd_create("autoglm-fix")
        try:
            with os.fdopen(os.dup(stdin), "wb") as out:
                out.write(b"%08x" % len(body) + body + json.dumps({**request, "answers": answers}).encode())
            os.lseek(stdin, 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _LAUNCH],
                stdin=stdin,
                stdout=output,
                stderr=output,
                pass_fds=[answers],
                start_new_session=True,
            )
        finally:
            for each in (stdin, answers, output):
                os.close(each)
        self.pid = self._process.pid
        ctx.emit({"event": "started", "pid": self.pid})

    def answer(self, timeout_s: float, no_progress_s: float) -> dict[str, Any]:
        """Wait for the result. Raises NoAnswer."""
        now = time.monotonic()
        deadline, moved, told = now + timeout_s, now, now
        used: tuple[int, ...] = (0, 0, 0)
        with selectors.DefaultSelector() as ready:
            for pipe, name in ((self._answers, "answers"), (self._output, "output")):
                ready.register(pipe, selectors.EVENT_READ, name)
            while True:
                ended = self._ended()  # asked before reading: what it said last is not missed
                spoke = [self._read(key.fd, key.data, ready) for key, _ in ready.select(0 if ended else _TICK_S)]
                if "result" in self._messages or (ended and not any(spoke)):
                    return self._result()
                now = time.monotonic()
                before, used = used, used_by_session(self.pid)
                if any(spoke) or any(new > old for old, new in zip(before, used)):
                    moved = now
                if moved - told > _ALIVE_EVERY_S:
                    told = moved
                    self._ctx.emit({"event": "alive"})
                if now > deadline:
                    raise self._failed("timeout", f"gave no result within {timeout_s:g} s")
                if now > moved + no_progress_s:
                    raise self._failed("stalled", f"did nothing for {no_progress_s:g} s")

    def end(self) -> None:
        """End whatever is left of the group. A process that even SIGKILL cannot end is abandoned."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            self._process.wait(_ABANDON_AFTER_S)
        except subprocess.TimeoutExpired:
            self._ctx.log(f"process {self.pid} hangs in the kernel and was left behind")
        os.close(self._answers)
        os.close(self._output)

    def _ended(self) -> bool:
        # Not reaped before the group is ended, so that its number stays ours.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _read(self, pipe: int, name: str, ready: selectors.BaseSelector) -> bool:
        """Take in what a pipe holds now; whether it was something."""
        data = os.read(pipe, 1 << 16)
        if not data:
            ready.unregister(pipe)
        *lines, self._rest[name] = (self._rest[name] + data).split(b"\n")
        for line in lines:
            if name == "output":
                self._tail.append(_readable(line))
            else:
                self._take(line)
        return bool(data)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            raise self._failed("exited", "answered with something else than JSON") from None
        if "event" in message:
            self._ctx.emit(message["event"])
        else:
            self._messages.update(message)

    def _result(self) -> dict[str, Any]:
        messages = self._messages
        if "result" in messages:
            result: dict[str, Any] = messages["result"]
            return result
        if "launch" in messages:
            step, why = messages["launch"]
            raise NoAnswer("not-started", f"to run the service's Python we cannot {step}: {why}", [])
        if "error" in messages:
            kind, words = messages["error"]
            if kind == CannotTell.__name__:
                raise CannotTell(words)
            raise self._failed("raised", f"raised {kind}: {words}", error=kind)
        status = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        number = status.si_status if status else 0
        if status is None or status.si_code == os.CLD_EXITED:
            if "hello" not in messages:
                raise self._failed("not-python", f"is no Python that can be used: it ended with exit status {number}")
            raise self._failed("exited", f"ended with exit status {number} and no result")
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        raise self._failed("killed", f"was ended by {name}", signal=name, out_of_memory=self._out_of_memory())

    def _out_of_memory(self) -> str:
        now = oom_kills()
        return " and ".join(place for place, count in now.items() if count > self._kills.get(place, count))

    def _failed(self, kind: str, how: str, **details: str) -> NoAnswer:
        rest = self._rest["output"]
        if details.get("out_of_memory"):
            how += f" (the kernel ran out of memory in {details['out_of_memory']})"
        elif details.get("signal") == "SIGKILL":
            how += " (no kill for want of memory was counted, so another process sent it)"
        failed = NoAnswer(kind, f"{self._python} {how}", [*self._tail, *([_readable(rest)] if rest else [])])
        for name, value in details.items():
            setattr(failed, name, value)
        return failed


def _readable(line: bytes) -> str:
    """A line of output; of a progress bar that overwrites itself, the last state."""
    return line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2][:500]
