"""What is asked of an agent, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# How much longer than the agent the controller waits, before it gives the host up.
GRACE_S = 10.0
# A host that is looked at and says nothing for so long is frozen: an agent at work gives a sign of life every few
# seconds. One that changes something is given more time, as a host that is short of memory may need it.
_FROZEN_S = 30.0
_FROZEN_IN_CHANGE_S = 100.0
_LOOKING = ("hello", "standing", "collect", "baseline")
_READING = (*_LOOKING, "preview", "ask")
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


Reply = Any


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

    @property
    def reads(self) -> bool:
        """Whether it may stop half-way for want of a module, and be asked again: it changes nothing."""
        return self.verb in _READING

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be asked again once it turned out to need a module."""
        return self.verb in _REPEATABLE

    @property
    def silence_s(self) -> float:
        """For how many seconds a host may say nothing. What is silent on it for too long is ended by its agent.

        An agent that is stopped, swapped out or stuck in the kernel ends nothing, while the connection holds.
        """
        if self.verb in _LOOKING:
            return _FROZEN_S
        return _FROZEN_IN_CHANGE_S if self.idle_s is None else self.idle_s + GRACE_S

    def message(self, number: int) -> dict[str, Any]:
        """How it goes over the wire, by that number."""
        message = {
            "id": number,
            "verb": self.verb,
            "imports": list(self.modules),
            "arguments": dict(self.arguments),
            "service": dict(self.service),
            "view": dict(self.view),
            "deadline_s": self.deadline_s,
            "finishes": self.finishes,
        }
        if self.idle_s is not None:
            message["idle_s"] = self.idle_s
        if self.input:
            message["input"] = True
        return message


def reply_of(message: Mapping[str, Any]) -> Reply | AgentError:
    """What a request's last message says."""
    if "error" in message:
        error = message["error"]
        return AgentError(error["kind"], error["message"], tuple(error.get("tail", ())))
    return message["result"]
