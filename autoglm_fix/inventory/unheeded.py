"""What an inventory says of the way to its hosts that has no effect here: named once, before any host is contacted.

None of it is a mistake: a fleet's files work unchanged. But a setting that is passed over in silence is one that
somebody relies on.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoglm_fix.authored.problems import Position, Problem, did_you_mean, quoted
from autoglm_fix.authored.variables import Authored, Layer, position_in

from .model import Host
from .route_names import heeded
from .routes import Reach
from .ssh_words import MORE_WAYS


@dataclass(frozen=True)
class _Reason:
    """Variables that have no effect, and why."""

    why: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Known:
    """The table of variables that nothing here reads."""

    source: str
    date: datetime.date
    without_effect: tuple[_Reason, ...]
    left_alone: tuple[str, ...]


_PREFIX = "ansible_"
_UNCHECKED = ("no", "off", "accept-new")


def unheeded(hosts: Iterable[Host], extra: Layer) -> list[Problem]:
    """The connection variables of the hosts that nothing here reads, each once, at its first place."""
    seen: dict[str, tuple[Authored, str]] = {}
    for layer, source in (*((host.variables, "-i") for host in hosts), (extra, "-e")):
        for name, written in layer.items():
            if name.startswith(_PREFIX) and name not in seen and name not in heeded():
                seen[name] = (written, source)
    return list(_said(seen)) if seen else []


def out_of_place(layers: Iterable[Layer]) -> list[Problem]:
    """Connection variables among the ``vars`` of plays: a host is reached once, for all plays."""
    hint = "Set it in the inventory, or with -e."
    return [
        position_in(written, (), Position("vars")).problem(f"{quoted(name)} has no effect in a play", hint)
        for layer in layers
        for name, written in layer.items()
        if name in heeded()
    ]


def on_trust(reaches: Mapping[str, Reach]) -> list[Problem]:
    """That host keys are not compared as strictly as they are by default, where the inventory says so."""
    loose = [
        name for name, to in reaches.items() if to.route.options.get("stricthostkeychecking", "").lower() in _UNCHECKED
    ]
    if not loose:
        return []
    forgotten = any(reaches[name].route.options.get("userknownhostsfile") == "/dev/null" for name in loose)
    message = f"host keys are not checked strictly ({_first(loose)}): one that was never seen is taken on trust"
    hint = "Leave 'UserKnownHostsFile=/dev/null' out: as it is, each key is one that was never seen."
    changed = "A changed key is refused all the same."
    return [Position("-i").problem(message, hint if forgotten else changed)]


def beyond_us(reaches: Mapping[str, Reach]) -> list[Problem]:
    """Ways in that only the system's ssh knows, where another connection is to try the others. Each is said once."""
    hint = "Where nothing else gets in, set 'ansible_connection: openssh'."
    told = []
    for keyword in MORE_WAYS:
        hosts = [
            name for name, to in reaches.items() if to.route.connection == "ssh" and keyword.lower() in to.route.options
        ]
        if hosts:
            message = f"'{keyword}' ({_first(hosts)}) is for the system's own ssh: the other ways in are tried"
            told.append(Position("-i").problem(message, hint))
    return told


def _first(hosts: Sequence[str]) -> str:
    return f"{hosts[0]} and {len(hosts) - 1} more" if len(hosts) > 1 else hosts[0]


def reason(name: str) -> str:
    """Why a variable of Ansible's has no effect here; empty where it is none that connections have."""
    return next((row.why for row in _known().without_effect if any(_fits(name, each) for each in row.names)), "")


def _said(seen: Mapping[str, tuple[Authored, str]]) -> Iterator[Problem]:
    for name, (written, source) in seen.items():
        at = position_in(written, (), Position(source))
        why = reason(name)
        if why:
            yield at.problem(f"{quoted(name)} has no effect: {why}")
        elif not any(_fits(name, pattern) for pattern in _known().left_alone):
            hint = did_you_mean(name, heeded()) or "It is passed over."
            yield at.problem(f"{quoted(name)} is no variable that says how a host is reached", hint)


@functools.cache
def _known() -> _Known:
    from autoglm_fix.knowledge import table

    return table("ansible_variables", _Known)


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
