"""The agent's one process: it reads requests, forks a child for each, and relays what they say.

A child can be abandoned: a read that blocks for ever (a wedged driver, a dead mount) costs that one
request, whose deadline answers for it. The parent never touches a service's file itself.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import sys
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .context import Context
from .frames import Frames, pack, unpack, unpack_bytes, write_all
from .memory import MemoryImporter, NotSent
from .service import ServiceSpec
from .state import State
from .unknown import CannotTell
from .view import View

if TYPE_CHECKING:
    from .lock import Lock
    from .parcels import Inlet

_VERBS = {
    "hello": ("hello", "hello"),
    "standing": ("standing", "standing"),
    "collect": ("collect", "collect"),
    "preview": ("apply", "preview"),
    "recover": ("apply", "recover"),
    "receive": ("parcels", "receive"),
    "apply": ("apply", "apply"),
    "undo": ("apply", "undo"),
    "prove": ("proof.prove", "prove"),
    "ask": ("proof.ask", "ask"),
    "baseline": ("proof.baseline", "baseline"),
}
_TICK_S = 0.5
_ALIVE_EVERY_S = 5.0
_GARBAGE = 100_000  # new objects between two looks for cycles: what is loaded stays, and a large JSON has none


@dataclass
class _Child:
    """One request at work. ``finishes``: it is left to end by itself when the channel closes.

    ``inlet`` is where the bytes go that were sent to it.
    """

    id: int
    pid: int
    pipe: int
    deadline: float
    idle_s: float
    finishes: bool
    heard: float
    inlet: Inlet | None = None
    frames: Frames = field(default_factory=Frames)
    answered: bool = False


class Agent:
    """Serves requests from one channel until it ends."""

    def __init__(self, importer: MemoryImporter, source: int, sink: int) -> None:
        self._importer = importer
        self._source = source
        self._sink = sink
        self._frames = Frames()
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._state = State("")
        self._lock: Lock | None = None
        self._said_at = 0.0

    def serve(self) -> None:
        """Run until the channel ends, then end every process that this one started."""
        self._selector.register(self._source, selectors.EVENT_READ, None)
        try:
            while all(self._attend(key.data) for key, _ in self._selector.select(_TICK_S)):
                self._check_deadlines()
        finally:
            for child in self._children.values():
                if not child.finishes:
                    _kill(child.pid)

    def _attend(self, ready: _Child | Inlet | None) -> bool:
        """See to what is ready: a child that speaks, one that takes bytes, or the channel. False at its end."""
        if ready is None:
            return self._take_all(os.read(self._source, 65536))
        if not isinstance(ready, _Child):
            ready.feed()
        elif ready.pid in self._children:
            self._hear(ready)
        return True

    def _say(self, message: dict[str, Any]) -> None:
        write_all(self._sink, pack(message))
        self._said_at = time.monotonic()

    def _take_all(self, data: bytes) -> bool:
        """Carry out all requests in these bytes of the channel; False at its end."""
        for body in self._frames.feed(data):
            if not body:
                return False  # how a terminal, which knows no end of input, is told of it
            self._take(body)
        return bool(data)

    def _take(self, body: bytes) -> None:
        raw = unpack_bytes(body)
        if raw is None:
            self._handle(unpack(body))
        else:
            self._pass_on(*raw)

    def _handle(self, request: dict[str, Any]) -> None:
        number, verb = request["id"], request["verb"]
        if verb == "cancel":
            for child in list(self._children.values()):
                if child.id == request["of"]:
                    self._end(child, "cancelled", "it was cancelled")
        elif verb == "state":
            self._state = State(request["state_dir"])
        elif verb == "lock":
            self._say({"id": number, "result": self._locked().take(*request["by"])})
            if self._locked().held and "then" in request:
                self._handle(request["then"])
        elif verb == "unlock":
            self._locked().give_back()
        else:
            try:
                self._start(number, request)
            except NotSent as err:
                self._say({"id": number, "error": {"kind": "needs", "message": err.name}})
            except Exception:
                self._say({"id": number, "error": _crash()})

    def _locked(self) -> Lock:
        if self._lock is None:
            from .lock import Lock  # only what changes something takes it

            self._lock = Lock(self._state)
        return self._lock

    def _start(self, number: int, request: dict[str, Any]) -> None:
        # Imported here, once, rather than in every child.
        for name in request.get("imports", ()):
            importlib.import_module(name)
        module, function = _VERBS[request["verb"]]
        work = getattr(importlib.import_module("." + module, __package__), function)
        source, sink = os.pipe()
        inlet = None
        if request.get("input"):
            from .parcels import Inlet

            inlet = Inlet(self._selector)
        pid = os.fork()
        if pid == 0:
            os.close(source)
            _work(work, request, sink, self._state, inlet)
        os.close(sink)
        if inlet is not None:
            inlet.forked()
        now = time.monotonic()
        child = _Child(
            id=number,
            pid=pid,
            pipe=source,
            deadline=now + request.get("deadline_s", 120.0),
            idle_s=request.get("idle_s", float("inf")),
            finishes=request.get("finishes", False),
            heard=now,
            inlet=inlet,
        )
        self._children[pid] = child
        self._selector.register(source, selectors.EVENT_READ, child)

    def _pass_on(self, number: int, data: bytes) -> None:
        """Bytes for a request at work; the other end sends no more than a few frames ahead of what it took.

        Those of no request are more sources, each after its name.
        """
        if not number:
            parts = zlib.decompress(data).decode("utf-8").split("\0")
            self._importer.add(dict(zip(parts[::2], parts[1::2])))
        for child in self._children.values():
            if child.id == number and child.inlet is not None:
                child.inlet.take(data)

    def _hear(self, child: _Child) -> None:
        data = os.read(child.pipe, 65536)
        child.heard = time.monotonic()
        for body in child.frames.feed(data):
            message = unpack(body)
            child.answered = child.answered or "event" not in message
            self._say({**message, "id": child.id})
        if not data:
            self._forget(child)
            _pid, status = os.waitpid(child.pid, 0)
            if not child.answered:
                self._say({"id": child.id, "error": {"kind": "died", "message": _ending(status)}})

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for child in list(self._children.values()):
            if now > child.deadline:
                self._end(child, "deadline", "it did not end within its time")
            elif now - child.heard > child.idle_s:
                self._end(child, "stalled", f"no progress for {child.idle_s:.0f} s")
        if self._children and now - self._said_at > _ALIVE_EVERY_S:
            self._say({"id": 0})

    def _end(self, child: _Child, kind: str, message: str) -> None:
        _kill(child.pid)
        self._forget(child)
        if not child.answered:
            self._say({"id": child.id, "error": {"kind": kind, "message": message}})

    def _forget(self, child: _Child) -> None:
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        if child.inlet is not None:
            child.inlet.close()
            child.inlet = None
        del self._children[child.pid]


def _work(work: Any, request: dict[str, Any], sink: int, state: State, inlet: Inlet | None) -> None:
    """The child's whole life; it never returns."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR) if inlet is None else inlet.other_end(), 0)

        def say(message: dict[str, Any]) -> None:
            try:
                write_all(sink, pack(message))
            except BrokenPipeError:
                # Nobody listens any more; work that finishes alone goes on.
                if not request.get("finishes"):
                    raise

        context = Context(
            service=ServiceSpec(**request.get("service", {})),
            view=View(**request.get("view", {})),
            emit=say,
        )
        context.parcels = state.parcels
        try:
            say({"result": work(context, state, **request.get("arguments", {}))})
        except CannotTell as err:
            say({"error": {"kind": "unknown", "message": str(err)}})
        except NotSent as err:
            # What is rarely needed is not sent ahead: it comes, and the request is asked again.
            say({"error": {"kind": "needs", "message": err.name}})
        except Exception:
            say({"error": _crash()})
    finally:
        os._exit(0)


def _crash() -> dict[str, Any]:
    import traceback

    lines = traceback.format_exc().splitlines()
    return {"kind": "crash", "message": lines[-1], "tail": lines[-30:]}


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"its process was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return "its process ended without an answer"


def _kill(pid: int) -> None:
    """End a child and the processes it started; one stuck in the kernel is left behind."""
    for end in (os.killpg, os.kill):
        try:
            end(pid, signal.SIGKILL)
        except OSError:
            continue
    os.waitpid(pid, os.WNOHANG)


def main(importer: MemoryImporter) -> None:
    """Take over stdin and stdout: what libraries print goes to stderr, never into the channel."""
    gc.set_threshold(_GARBAGE)
    sink = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Agent(importer, 0, sink).serve()
    sys.stdout.flush()
    os._exit(0)
