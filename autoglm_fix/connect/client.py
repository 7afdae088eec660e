"""Speaking to an agent: requests go out together, replies come back as they are ready."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from autoglm_fix.agent.frames import BrokenFrame, Frames, unpack

from .bundle import AGENT, boot_frame, load_frame
from .channel import Channel, ChannelClosed
from .outgoing import Outgoing
from .packing import pack
from .request import GRACE_S, AgentError, Reply, Request, reply_of

_POLL_S = 0.5
_NO_DEADLINE_S = 7 * 24 * 3600.0
_SILENCE_S = 60.0
_GOES_ON = AgentError("goes-on", "the host carries it through alone")

_Heard = Callable[[int, Mapping[str, Any]], None]


class Agent:
    """A started agent on one host. Every method may raise ChannelClosed."""

    def __init__(self, channel: Channel, state_dir: str = "", stop: threading.Event | None = None) -> None:
        """Nothing is sent yet: the agent's code travels with the first request, in one frame.

        ``state_dir`` is where the host keeps its journal, empty for its own default. Setting ``stop`` cancels the
        requests that are under way.
        """
        self._channel = channel
        self._stop = stop or threading.Event()
        self._frames = Frames()
        self._next = 1  # what goes by 0 belongs to no request
        self._asked: set[tuple[int, str]] = set()
        self._state_dir = state_dir
        self._sent: frozenset[str] = frozenset()
        self._heard_at = 0.0
        self._awake = False
        self._early: list[dict[str, Any]] = []
        self._once_awake: Callable[[], None] = _nothing

    def close(self) -> None:
        self._channel.close()

    def renew(self, channel: Channel) -> None:
        """Go on over another channel, with a new agent on the same host that knows of nothing yet."""
        self._channel.close()
        self._channel, self._frames, self._early = channel, Frames(), []
        self._asked, self._sent, self._awake = set(), frozenset(), False

    def once_awake(self, told: Callable[[], None]) -> bool:
        """Call ``told`` once, as soon as the agent is first heard. False, and no call, if it has been heard already."""
        if not self._awake:
            self._once_awake = told
        return not self._awake

    def ask(self, request: Request, heard: _Heard | None = None, *, stoppable: bool = True) -> Reply | AgentError:
        """One request's result."""
        return self.ask_all([request], heard, stoppable=stoppable)[0]

    def ask_all(
        self, requests: Sequence[Request], heard: _Heard | None = None, *, stoppable: bool = True
    ) -> list[Reply | AgentError]:
        """The results of requests that run side by side, in their order.

        ``heard`` is called with the index of the request and each of its events (progress, log line). Only
        ``stoppable`` requests are cancelled by ``stop``: what puts things back after a Ctrl-C is not.
        """
        return self._converse(requests, heard, stoppable)

    def _converse(
        self,
        requests: Sequence[Request],
        heard: _Heard | None,
        stoppable: bool,
        turn: Callable[[int], None] = lambda _number: None,
    ) -> list[Reply | AgentError]:
        """Send the requests, with the modules that they need, and collect their results.

        ``turn`` is called with the first request's number between messages, so that a file can be sent meanwhile.
        """
        first = self._next
        self._next += len(requests)
        # Only what reads may stop half-way for want of a module, and be asked again.
        for later in (False, True):
            asked = [request for request in requests if request.reads != later]
            self._load({name for request in asked for name in request.modules}, later=later)
        self._write(b"".join(pack(request.message(first + n)) for n, request in enumerate(requests)))
        return self._hear_all(first, requests, heard, stoppable, turn)

    def _hear_all(
        self,
        first: int,
        requests: Sequence[Request],
        heard: _Heard | None,
        stoppable: bool,
        turn: Callable[[int], None] = lambda _number: None,
    ) -> list[Reply | AgentError]:
        """The results of requests that were sent under the numbers from ``first`` on."""
        replies: dict[int, Reply | AgentError] = {}
        longest = max((request.deadline_s for request in requests), default=0.0) + GRACE_S
        latest = time.monotonic() + longest
        quiet_s = max((request.silence_s for request in requests), default=GRACE_S)
        self._heard_at = time.monotonic()
        leaves_at: float | None = None
        try:
            while len(replies) < len(requests):
                now = time.monotonic()
                if stoppable and leaves_at is None and self._stop.is_set():
                    self._cancel(first + n for n, request in enumerate(requests) if not request.finishes)
                    leaves_at = now + GRACE_S
                if leaves_at is not None and now > leaves_at:
                    finishing = (n for n, request in enumerate(requests) if request.finishes)
                    replies = {**dict.fromkeys(finishing, _GOES_ON), **replies}
                turn(first)
                for message in self._messages():
                    index = message["id"] - first
                    if index >= 0 and self._take(index, message, requests[index], heard, replies):
                        latest = time.monotonic() + longest
                self._give_up(latest, quiet_s)
        except BrokenFrame as err:
            self._channel.close()
            raise ChannelClosed(f"something else wrote on the channel: {err}") from err
        except ChannelClosed:
            self._channel.close()
            raise
        return [replies[n] for n in range(len(requests))]

    def _give_up(self, latest: float, quiet_s: float) -> None:
        """Raise ChannelClosed once the agent has been silent for ``quiet_s``, or ``latest`` has passed."""
        now = time.monotonic()
        if self._awake and now - self._heard_at > quiet_s:
            raise ChannelClosed(f"nothing was heard for {quiet_s:.0f} s: the host or the connection is frozen")
        if now > latest:
            raise ChannelClosed("no answer within the deadline: the connection is frozen")

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
        return self.lock_then(run, who, None, despite=despite)[0]

    def lock_then(
        self, run: str, who: str, request: Request | None, *, despite: bool = False
    ) -> tuple[dict[str, Any], Reply | AgentError | None]:
        """``lock``, and a request in the same exchange. It begins once the lock is held; None where it is not."""
        first, then = self._next, {}
        self._next += 2
        self._load((f"{AGENT}.lock",), later=False)
        if request is not None:
            self._load(request.modules, later=not request.reads)
            then = {"then": request.message(first + 1)}
        self._write(pack({"id": first, "verb": "lock", "by": [run, who, despite], **then}))
        told = self._locked(first)
        if request is None or told.get("held_by", "") is not None or told.get("hold") is not None:
            return told, None
        return told, self._hear_all(first + 1, [request], None, False)[0]

    def _locked(self, number: int) -> dict[str, Any]:
        """The host's answer to the request for its lock; replies to others that came with it are kept for them."""
        latest = time.monotonic() + GRACE_S
        while time.monotonic() < latest:
            came = list(self._messages())
            for message in came:
                if message["id"] == number:
                    self._early = [each for each in came if each is not message]
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
        """The messages that have arrived; waits a moment if there are none."""
        if self._early:
            early, self._early = self._early, []
            yield from early
            return
        data = self._channel.read(_POLL_S)
        if data:
            self._heard_at = time.monotonic()
            if not self._awake:
                self._awake = True
                told, self._once_awake = self._once_awake, _nothing
                told()
        for body in self._frames.feed(data):
            yield unpack(body)

    def _take(
        self,
        index: int,
        message: Mapping[str, Any],
        request: Request,
        heard: _Heard | None,
        replies: dict[int, Reply | AgentError],
    ) -> bool:
        """Take one message of a request: an event, its reply, or the name of a module that the agent lacks.

        Returns whether the request was sent again, with that module.
        """
        if "event" in message:
            if heard is not None:
                heard(index, message)
            return False
        reply = reply_of(message)
        if isinstance(reply, AgentError) and reply.kind == "needs":
            if request.is_repeatable and self._send_along(message["id"], request, reply.message):
                self._write(pack(request.message(message["id"])))
                return True
            reply = AgentError("crash", f"the module {reply.message} is missing on the host", reply.tail)
        replies[index] = reply
        return False

    def _send_along(self, number: int, request: Request, module: str) -> bool:
        """Send a module that a request turned out to need; False if it has been sent before, or does not exist."""
        if (number, module) in self._asked:
            return False
        self._asked.add((number, module))
        try:
            self._load([module], later=not request.reads)
        except ImportError:
            return False
        return True

    def _load(self, modules: Iterable[str], *, later: bool) -> None:
        """Send the modules that the agent does not have yet; with ``later``, also those that functions import."""
        data = b""
        if not self._sent:
            data, self._sent = boot_frame(() if later else modules)
            data += pack({"id": 0, "verb": "state", "state_dir": self._state_dir})
        frame, names = load_frame(modules, self._sent, later=later)
        if data or frame:
            self._sent |= names
            self._write(data + frame)


def _nothing() -> None:
    return None
