"""The order of changes: hosts in batches, one of every distinct plan in the first. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from .results import ChangeRecord, StepResult

T = TypeVar("T")

# A path, and what is no more than a number, an address or an id of this host's: not what makes a plan another one.
_PATH = re.compile(r"[^\s'\"=,:]*/[^\s'\",]*")
_NUMBER = re.compile(r"\b(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4,})+|[0-9a-fA-F]{8,}|\d+(?:[.:]\d+)*[A-Za-z%]{0,3})\b")


def batches(hosts: Sequence[T], serial: Sequence[int | str], distinct: Callable[[T], Hashable]) -> list[list[T]]:
    """Cut hosts into batches; the last size repeats. No ``serial``: one batch.

    ``serial`` entries are counts, or percentages of all these hosts, rounded down but at least one, as in Ansible.
    The first batch holds one host of everything ``distinct``, however small its size; those come first in it.
    """
    if not hosts:
        return []
    canaries: dict[Hashable, T] = {}
    alike: list[T] = []
    for host in hosts:
        if canaries.setdefault(distinct(host), host) is not host:
            alike.append(host)
    ordered = [*canaries.values(), *alike]
    sizes = [_size(entry, len(ordered)) for entry in serial] or [len(ordered)]
    cut = [ordered[: max(sizes[0], len(canaries))]]
    at = len(cut[0])
    while at < len(ordered):
        size = sizes[min(len(cut), len(sizes) - 1)]
        cut.append(ordered[at : at + size])
        at += size
    return cut


def _size(entry: int | str, total: int) -> int:
    if isinstance(entry, int):
        return max(entry, 1)
    return max(math.floor(total * float(entry.rstrip("%")) / 100), 1)


def likeness(steps: Sequence[StepResult], names: Sequence[str] = ()) -> Hashable:
    """What two hosts share whose plans are the same but for the hosts' own names, paths and numbers.

    A plan is what was found and what would be done about it, step by step: two files of one kind are as good as
    three, and what could not be told is part of it. ``names`` are the host's own. Paths and numbers are left out
    because most are a host's own: counted, 800 mount points or sizes of memory would make a first batch of everybody,
    and ``serial: 1`` would protect nobody.
    """
    own = [name for name in names if name]
    return tuple(
        (
            *(step.play, step.name, step.service if step.service not in own else "", step.status),
            frozenset((finding.code, finding.severity) for finding in step.findings),
            frozenset(_change(change, own) for change in step.changes),
            frozenset(declined.code for declined in step.declined),
            step.error.code if step.error is not None else None,
        )
        for step in steps
        if step.findings or step.changes or step.error is not None
    )


def _change(change: ChangeRecord, own: Sequence[str]) -> Hashable:
    return (change.kind, change.risk, change.undo, change.code, change.problem is None, _values(change.values, own))


def _values(values: Mapping[str, object], own: Sequence[str]) -> Hashable:
    return tuple(sorted((name, _bare(str(value), own)) for name, value in values.items()))


def _bare(text: str, own: Sequence[str]) -> str:
    """A value without what is this host's alone."""
    for name in own:
        text = re.sub(rf"\b{re.escape(name)}\b", "", text)
    return _NUMBER.sub("0", _PATH.sub("/", text))
