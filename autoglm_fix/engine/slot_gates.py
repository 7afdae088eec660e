"""What the plan of a step means for other hosts and for callers: what it interrupts, reads from, and shares. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from autoglm_fix.agent.changes import Change

from .results import ChangeRecord
from .slot import Slot, is_open, makeable, record_of

_INTERRUPTING = frozenset({"restart", "daemon-reload", "recreate"})
_DRAIN = "drain"
_MOVING = frozenset({"fetch_file", "install"})


def interrupts(change: Change | ChangeRecord) -> bool:
    """Whether callers of the service go without answers while a change is made. Others count at its next start."""
    return change.kind in _INTERRUPTING or change.risk == "disruptive"


def previewed(change: Change, answer: Mapping[str, Any]) -> ChangeRecord:
    """A planned change, with what its host says of it."""
    problem = answer["problem"]
    record = record_of(change, diff=str(answer["diff"]), problem=problem and str(problem))
    shared, loads, hint = (str(answer.get(name) or "") for name in ("shared", "loads", "hint"))
    return replace(record, shared=shared, loads=loads, hint=hint, size=_size(change))


def _size(change: Change) -> int | None:
    """How many bytes move to the host for it, None where nobody knows, or none do."""
    if change.kind not in _MOVING:
        return None
    # Imported here: what fetches and unpacks takes its time to load.
    from autoglm_fix.agent.changes.fetch_file import FetchFile
    from autoglm_fix.agent.changes.install import Install

    if isinstance(change, FetchFile):
        return change.size
    if isinstance(change, Install):
        sizes = [pin["size"] for pin in change.pins if pin["version"] is not None]
        return sum(sizes) if sizes and None not in sizes else None
    return None


def may_interrupt(slot: Slot) -> bool:
    """Whether a step takes the service away for a while, or may turn into one that does."""
    start = isinstance(slot.start, ChangeRecord) and slot.start.problem is None
    return start or any(map(interrupts, makeable(slot))) or (is_open(slot) and slot.now.provisional is not None)


def planned_records(slot: Slot) -> Iterator[ChangeRecord]:
    """The changes of a step that are still to be made, with its start."""
    wanted = {(change.kind, change.path) for change in makeable(slot)}
    yield from (record for record in slot.records if (record.kind, record.target) in wanted)
    if isinstance(slot.start, ChangeRecord) and slot.start.problem is None:
        yield slot.start


def sources_of(slot: Slot) -> frozenset[str]:
    """What the planned changes of a step read from that many hosts may read from at once."""
    return frozenset(record.loads for record in planned_records(slot) if record.loads)


def shared_keys(slot: Slot, changes: list[Change]) -> frozenset[str]:
    """The keys of what some of its changes touch that other hosts have as well."""
    wanted = {(change.kind, change.path) for change in changes}
    return frozenset(r.shared for r in slot.records if r.shared and (r.kind, r.target) in wanted)


def without_a_drain(slot: Slot) -> None:
    """Nothing is interrupted where what has to come before it could not be run."""
    problem = next((record.problem for record in slot.drains if record.kind == _DRAIN and record.problem), None)
    if problem is None:
        return
    slot.records = [replace(r, problem=r.problem or problem) if interrupts(r) else r for r in slot.records]
    if isinstance(slot.start, ChangeRecord):
        slot.start = replace(slot.start, problem=slot.start.problem or problem)
