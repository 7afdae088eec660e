"""A fleet without machines: channels that speak the real frames, with the outcome of each host written down.

What stands behind a channel answers as the agent does, for the fact of ``pair`` alone; the whole of the controller is
real, from the threads to the frames.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoglm_fix.agent.frames import Frames, pack, unpack, unpack_bytes
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import ChannelClosed, NotConnected
from autoglm_fix.engine.events import Listener, PlansReady
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.results import RunResult
from autoglm_fix.engine.run import Order, new_run_id, run

from .plays import Play, Step, describe


@dataclass
class FakeHost:
    """A host whose model says ``text``.

    No text is no file. ``unreachable`` is the code of why no connection comes about, ``behind`` the jump host to blame.
    ``cures`` is false where changes are made and do not help; ``dies_at`` is the verb in whose middle contact is lost,
    once where the host says something else ``after`` that. ``connected`` is waited for before a connection is there;
    from the verb ``deaf_at`` on the connection is frozen until it is ``released``. ``tried`` counts connections,
    ``began`` is what was begun, in order.
    """

    text: str | None = "good"
    unreachable: str | None = None
    refused: bool = False
    behind: str | None = None
    cures: bool = True
    dies_at: str | None = None
    connected: threading.Event | None = None
    deaf_at: str | None = None
    released: threading.Event | None = None
    tried: int = 0
    began: list[str] = field(default_factory=list)
    after: str | None = None

    def connect(self) -> FakeChannel:
        self.tried += 1
        if self.connected is not None:
            self.connected.wait(120)
        if self.unreachable is not None:
            raise NotConnected(self.unreachable, {"address": "?"}, refused=self.refused, behind=self.behind)
        return FakeChannel(self)

    def reply(self, message: Mapping[str, Any]) -> Any:
        verb = message["verb"]
        self.began.append(verb)
        if verb == self.dies_at and self.after is not None:
            self.dies_at, self.text = None, self.after
            raise ChannelClosed("rebooted")
        if verb == self.dies_at:
            raise ChannelClosed("the connection is gone", behind=self.behind)
        if verb == "collect":
            options = message["arguments"]["options"]
            folder = message["service"]["model"]
            if isinstance(options, list):
                return [(self._fact(folder, each), None) for each in options]
            return self._fact(folder, options)
        if verb == "preview":
            return [{"diff": f"-{self.text}\n+good\n", "problem": None, "hint": ""} for _ in _changes(message)]
        if verb == "apply":
            self.text = "good" if self.cures else self.text
            return [{"made": True, "problem": None, "hint": ""} for _ in _changes(message)]
        if verb == "lock":
            return {"held_by": None, "last": ""}
        if verb == "hello":
            return {"hostname": "?", "machine": "0", "python": "3", "pid": 1, "uid": 0}
        return [] if verb == "recover" else {}

    def _fact(self, folder: str, options: Mapping[str, Any]) -> dict[str, Any]:
        path = f"{folder}/{options.get('name', 'model.txt')}"
        return {"path": path, "host": path, "content": self.text, "reads": [path]}

    @property
    def was_changed(self) -> bool:
        return "apply" in self.began


def _changes(message: Mapping[str, Any]) -> Sequence[Any]:
    changes: Sequence[Any] = message["arguments"]["changes"]
    return changes


class FakeChannel:
    """The host's end of a channel, answered as soon as it is read."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self._frames = Frames()
        self._replies: list[bytes] = []
        self._booted = self._closed = self._frozen = False

    def write(self, data: bytes) -> None:
        if self._closed:
            raise ChannelClosed("the channel is closed")
        for body in self._frames.feed(data):
            if not self._booted:
                self._booted = True  # the agent's code
            elif unpack_bytes(body) is None:
                self._hear(unpack(body))

    def _hear(self, message: Mapping[str, Any]) -> None:
        self._frozen = self._frozen or message["verb"] == self._host.deaf_at
        # Everything is answered at once, so that there is nothing to cancel.
        if not self._frozen and message["verb"] not in ("state", "unlock", "cancel"):
            self._replies.append(pack({"id": message["id"], "result": self._host.reply(message)}))
            if "then" in message:
                self._hear(message["then"])

    def read(self, timeout_s: float) -> bytes:
        if self._closed:
            raise ChannelClosed("the channel is closed")
        if self._frozen and self._host.released is not None and self._host.released.wait(timeout_s):
            raise ChannelClosed("the connection is gone")
        if not self._replies:
            time.sleep(min(timeout_s, 0.01))
            return b""
        replies, self._replies = self._replies, []
        return b"".join(replies)

    def close(self) -> None:
        self._closed = True


def fleet(
    hosts: Mapping[str, FakeHost],
    *steps: Step,
    plays: Sequence[tuple[Sequence[str], Limits, Sequence[Step]]] = (),
    limits: Limits | None = None,
    forks: int = 50,
    dry_run: bool = False,
    listen: Listener = lambda _event: None,
    approve: Callable[[PlansReady], bool] = lambda _plans: True,
    stop: threading.Event | None = None,
    model: str = "/models/{name}",
) -> RunResult:
    """A run of one play of these steps on all hosts, or of several ``plays``: who takes part, limits, steps.

    Each host has a ``model`` of its own, so that none is another's replica.
    """
    every = plays or [(tuple(hosts), limits or Limits(), steps or (Step(),))]
    targets = [
        Target(
            name,
            host.connect,
            "",
            [
                [Play(ServiceSpec(model=model.format(name=name)), play_steps)] if name in taking_part else []
                for taking_part, _, play_steps in every
            ],
        )
        for name, host in hosts.items()
    ]
    asked = Order(
        "test.yml",
        targets,
        [each for _, each, _ in every],
        "tests",
        dry_run=dry_run,
        forks=forks,
        stop=stop or threading.Event(),
    )
    return run(asked, new_run_id(), listen, approve, describe)


def statuses(result: RunResult) -> dict[str, str]:
    """The status of each host."""
    return {name: host.status.value for name, host in result.hosts.items()}


def named(*hosts: FakeHost) -> dict[str, FakeHost]:
    """gpu01, gpu02 ..."""
    return {f"gpu{number:02d}": host for number, host in enumerate(hosts, 1)}
