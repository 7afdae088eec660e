"""A look at a service by all that the shipped playbook asks for, and what went over the channel meanwhile."""

from __future__ import annotations

import sys
from typing import Any

from autoglm_fix import diagnostics
from autoglm_fix.agent.frames import Frames, unpack, unpack_bytes
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import Agent, Channel
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine.bound import Patience
from autoglm_fix.engine.gather import Facts, wants


class Overheard:
    """A channel, and what goes over it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.sent = b""
        self.heard = b""

    def write(self, data: bytes) -> None:
        self.sent += data
        self._channel.write(data)

    def read(self, timeout_s: float) -> bytes:
        data = self._channel.read(timeout_s)
        self.heard += data
        return data

    def close(self) -> None:
        self._channel.close()

    @property
    def first_frame(self) -> int:
        """Its length, which the bootstrap reads."""
        return int.from_bytes(self.sent[:4], "big")

    @property
    def more_code(self) -> list[int]:
        """The lengths of further frames of code."""
        bodies = Frames().feed(self.sent[4 + self.first_frame :])
        return [len(body) for body in bodies if (unpack_bytes(body) or (1, b""))[0] == 0]

    @property
    def needs(self) -> list[str]:
        """The modules that the host had to ask for."""
        errors = [unpack(body).get("error", {}) for body in Frames().feed(self.heard)]
        return [error["message"] for error in errors if error.get("kind") == "needs"]


def looked_by() -> dict[str, diagnostics.Diagnostic]:
    """The diagnostics of the shipped playbook: all but those for what none of them covers."""
    return {name: known for name, known in diagnostics.load().items() if name != "file"}


def look(spec: ServiceSpec) -> tuple[Overheard, dict[str, Any]]:
    """Collect all that the shipped playbook asks for; the facts by name."""
    channel = Overheard(LocalChannel(argv(sys.executable)))
    agent = Agent(channel)
    try:
        signatures = [known.signature for known in looked_by().values()]
        wanted = [want for each in signatures for want in wants(each, {}, {}, Patience()).values()]
        known = Facts(agent, spec, lambda _what, _event: None).gather(wanted)
    finally:
        agent.close()
    return channel, {want.kind.__name__: fact for want, fact in known.items()}
