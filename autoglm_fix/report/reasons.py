"""Why hosts failed, said once for all that failed alike: what they share is said, what differs is left open."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Any

from autoglm_fix.engine.results import Fault
from autoglm_fix.locale import AsItIs

# Where these differ, so does the reason; names, addresses and fingerprints are each host's own.
_TOLD = ("reason", "message", "said", "problem", "question", "what", "exit_code", "signal")
_OPEN = AsItIs("…")
_HOST = AsItIs("HOST")
# A word with a digit or a slash in it: a number, an address, a path, a name of a host.
_OWN = re.compile(r"[^\s'\"(),;]*[0-9/](?:[^\s'\"(),;]*[^\s'\"(),;:.])?")


class Alike(Enum):
    """How much two hosts share that are shown as one.

    ``WHOLLY``: all that is said; ``BUT_OWN``: all but paths, numbers and what else is a host's own; ``IN_KIND``: what
    it is about, whatever is said.
    """

    WHOLLY = "wholly"
    BUT_OWN = "but-own"
    IN_KIND = "in-kind"

    def of(self, text: str, host: str) -> str:
        """What is compared of a path or a name that a host says."""
        if self is Alike.BUT_OWN:
            return bare(text, host)
        return text if self is Alike.WHOLLY else ""


def reason(fault: Fault | None, host: str, *, exact: bool = True) -> Hashable:
    """What two faults share that have one reason. Not ``exact``: whatever they say, their code."""
    if fault is None:
        return None
    way = (fault.code, fault.behind, fault.values.get("jump"))
    return (*way, *(bare(fault.values[name], host) for name in _TOLD if name in fault.values)) if exact else way


def in_common(faults: Mapping[str, Fault]) -> Fault:
    """One fault that is true of each of these hosts, which all have the same code."""
    first = next(iter(faults.values()))
    said = {name: _common(name, faults) for name in first.values}
    return Fault(first.code, said, first.tail, first.behind)


def names_itself(fault: Fault, shared: Fault) -> bool:
    """Whether a host's fault says no more than what all of them share, but for its own name."""
    return all(value == fault.values[name] or value is _HOST for name, value in shared.values.items())


def _common(name: str, faults: Mapping[str, Fault]) -> Any:
    found = {host: fault.values.get(name) for host, fault in faults.items()}
    first = next(iter(found.values()))
    if all(value == first for value in found.values()):
        return first
    if all(value == host for host, value in found.items()):
        return _HOST
    left = {bare(value, host) for host, value in found.items()}
    return AsItIs(left.pop()) if len(left) == 1 and isinstance(first, str) else _OPEN


def bare(value: Any, host: str) -> str:
    """A value without what is this host's alone."""
    text = str(value) if not host else re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", _OPEN, str(value))
    return _OWN.sub(_OPEN, text)
