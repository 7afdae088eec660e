"""Speaking to an agent: requests go out together, replies come back as they are ready."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoglm_fix.agent.frames import BrokenFrame, Frames, unpack

from .bundle import AGENT, boot_frame, load_frame
from .channel import Channel, ChannelClosed
from .outgoing import Outgoing
from .packing import pack

# How much longer than the agent the controller waits, before it gives the host up; and, after a Ctrl-C, for
# what the agent will carry through alone.
_GRACE_S = 10.0
_POLL_S = 0.5
_NO_DEADLINE_S = 7 * 24 * 3600.0
_SILENCE_S = 60.0
_READING = ("hello", "standing", "collect", "preview", "baseline", "ask")
# These find out what they need before they put anything back.
_REPEATABLE = (*_READING, "recover", "undo")


@dataclass(frozen=True)
class AgentError:
    """A request that has no result.

    ``kind``: ``unknown`` (could not tell), ``deadline``, ``stalled``, ``cancelled``, ``died``,
    ``goes-on`` (nobody waits for its end any more), ``crash`` (a bug of ours; ``tail`` holds the traceback).
    """

    kind: str
    message: str
    tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One piece of work for the agent.

    ``modules`` are those of the agent that it needs beside the verb's own; ``idle_s`` ends it when
    it says nothing for so long; ``finishes``: it goes on to its end if contact is lost;
    ``input``: byte frames for it follow.
    """

    verb: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    service: Mapping[str, Any] = field(default_factory=dict)
    view: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    deadline_s: float = 120.0
    idle_s: float | None = None
    finishes: bool = False
    input: bool = False


_GOES_ON = AgentError("goes-on", "the host carries it through alone")

Reply = Any
_Heard = Callable[[int, Mapping[str, Any]], None]


class Agent:
    """A started agent on one host. Every method may raise ChannelClosed."""

    def __init__(self, channel: Channel, state_dir: str = "", stop: threading.Event | None = None) -> None:
        """``stop`` cancels what it is doing, once set.

        ``state_dir`` is where the host keeps its journal, empty for its own default. Its code goes with the
        first request, in one frame.
        """
        self._channel = channel
        self._stop = stop or threading.Event()
        self._frames = Frames()
        self._next = 1  # what goes by 0 belongs to no request
        self._asked: set[tuple[int, str]] = set()
        self._state_dir = state_dir
        self._sent: frozenset[str] = frozenset()

    def close(self) -> None:
        self._channel.close()

    def renew(self, channel: Channel) -> None:
        """Go on over another channel, with a new agent on the same host that knows of nothing yet."""
        self._channel.close()
        self._channel, self._frames = channel, Frames()
        self._asked, self._sent = set(), frozenset()

    def ask(self, request: Request, heard: _Heard | None = None, *, stoppable: bool = True) -> Reply | AgentError:
        """One request's result."""
        return self.ask_all([request], heard, stoppable=stoppable)[0]

    def ask_all(
        self, requests: Sequence[Request], heard: _Heard | None = None, *, stoppable: bool = True
    ) -> list[Reply | AgentError]:
        """The results of requests that run side by side, in their order.

        ``heard`` is called with the index of the request and each event (progress, log line). What
        puts things back after a Ctrl-C is not ``stoppable``.
        """
        return self._converse(requests, heard, stoppable)

    def _converse(
        self,
        requests: Sequence[Request],
        heard: _Heard | None,
        stoppable: bool,
        turn: Callable[[int], None] = lambda _number: None,
    ) -> list[Reply | AgentError]:
        """``turn`` is called with the first request's number whenever there is time to send something."""
        first = self._next
        self._next += len(requests)
        # Only what reads may stop half-way for want of a module, and be asked again.
        for later in (False, True):
            asked = [request for request in requests if (request.verb not in _READING) == later]
            self._load({name for request in asked for name in request.modules}, later=later)
        self._write(b"".join(pack(_wire(first + n, request)) for n, request in enumerate(requests)))
        replies: dict[int, Reply | AgentError] = {}
        longest = max((request.deadline_s for request in requests), default=0.0) + _GRACE_S
        latest = time.monotonic() + longest
        leaves_at: float | None = None
        try:
            while len(replies) < len(requests):
                now = time.monotonic()
                if stoppable and leaves_at is None and self._stop.is_set():
                    self._cancel(first + n for n, request in enumerate(requests) if not request.finishes)
                    leaves_at = now + _GRACE_S
                if leaves_at is not None and now > leaves_at:
                    finishing = (n for n, request in enumerate(requests) if request.finishes)
                    replies = {**dict.fromkeys(finishing, _GOES_ON), **replies}
                if now > latest:
                    raise ChannelClosed("no answer within the deadline: the connection is frozen")
                turn(first)
                for message in self._messages():
                    index = message["id"] - first
                    if index >= 0 and self._take(index, message, requests[index], heard, replies):
                        latest = time.monotonic() + longest
        except BrokenFrame as err:
            self._channel.close()
            raise ChannelClosed(f"something else wrote on the channel: {err}") from err
        except ChannelClosed:
            self._channel.close()
            raise
        return [replies[n] for n in range(len(requests))]

    def send_file(self, path: str, sha256: str, heard: _Heard | None = None) -> AgentError | None:
        """Send a file of the controller, to lie by its digest among the run's parcels. The error, if any.

        The host's lock must be held: whoever takes or gives it back clears the parcels away.
        """
        with open(path, "rb") as source:
            outgoing = Outgoing(source, self._write, heard)
            arguments = {"name": os.path.basename(path), "sha256": sha256, "size": outgoing.size}
            modules = (f"{AGENT}.parcels",)
            request = Request("receive", arguments, {}, {}, modules, _NO_DEADLINE_S, _SILENCE_S, input=True)
            reply = self._converse([request], outgoing.heard, True, outgoing.go_on)[0]
        if isinstance(reply, AgentError):
            return reply
        return AgentError("refused", str(reply["problem"])) if reply["problem"] else None

    def lock(self, run: str, who: str, *, despite: bool = False) -> dict[str, Any]:
        """Take the host's lock until ``unlock``, or until this agent ends; see ``agent.lock.Lock.take``."""
        self._load((f"{AGENT}.lock",), later=False)
        number = self._next
        self._next += 1
        self._write(pack({"id": number, "verb": "lock", "by": [run, who, despite]}))
        latest = time.monotonic() + _GRACE_S
        while time.monotonic() < latest:
            for message in self._messages():
                if message["id"] == number:
                    result: dict[str, Any] = message["result"]
                    return result
        raise ChannelClosed("no answer within the deadline: the connection is frozen")

    def unlock(self) -> None:
        """Give the host's lock back; nothing is waited for."""
        self._write(pack({"id": 0, "verb": "unlock"}))

    def _write(self, data: bytes) -> None:
        try:
            self._channel.write(data)
        except ChannelClosed:
            self._channel.close()
            raise

    def _cancel(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._write(pack({"id": 0, "verb": "cancel", "of": number}))

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What has come by now; waits a moment where nothing has."""
        for body in self._frames.feed(self._channel.read(_POLL_S)):
            yield unpack(body)

    def _take(
        self,
        index: int,
        message: Mapping[str, Any],
        request: Request,
        heard: _Heard | None,
        replies: dict[int, Reply | AgentError],
    ) -> bool:
        """One message of a request: an event, its reply, or the wish for a module. Whether the request begins anew."""
        if "event" in message:
            if heard is not None:
                heard(index, message)
            return False
        reply = _reply(message)
        if isinstance(reply, AgentError) and reply.kind == "needs":
            if request.verb in _REPEATABLE and self._send_along(message["id"], request.verb, reply.message):
                self._write(pack(_wire(message["id"], request)))
                return True
            reply = AgentError("crash", f"the module {reply.message} is missing on the host", reply.tail)
        replies[index] = reply
        return False

    def _send_along(self, number: int, verb: str, module: str) -> bool:
        """Send a module that a request turned out to need; False where it has asked for it before, or there is none."""
        if (number, module) in self._asked:
            return False
        self._asked.add((number, module))
        try:
            self._load([module], later=verb not in _READING)
        except ImportError:
            return False
        return True

    def _load(self, modules: Iterable[str], *, later: bool) -> None:
        """Send the modules that the agent does not have yet; ``later``: those too that functions import."""
        data = b""
        if not self._sent:
            data, self._sent = boot_frame(() if later else modules)
            data += pack({"id": 0, "verb": "state", "state_dir": self._state_dir})
        frame, names = load_frame(modules, self._sent, later=later)
        if data or frame:
            self._sent |= names
            self._write(data + frame)


def _wire(number: int, request: Request) -> dict[str, Any]:
    wire = {
        "id": number,
        "verb": request.verb,
        "imports": list(request.modules),
        "arguments": dict(request.arguments),
        "service": dict(request.service),
        "view": dict(request.view),
        "deadline_s": request.deadline_s,
        "finishes": request.finishes,
    }
    if request.idle_s is not None:
        wire["idle_s"] = request.idle_s
    if request.input:
        wire["input"] = True
    return wire


def _reply(message: Mapping[str, Any]) -> Reply | AgentError:
    if "error" in message:
        error = message["error"]
        return AgentError(error["kind"], error["message"], tuple(error.get("tail", ())))
    return message["result"]
