"""What the host says of a plan before anybody agrees to it, and the start that comes last though no step plans it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autoglm_fix.agent.changes import Change
from autoglm_fix.fixes import Declined

from .draining import Draining
from .holding import Hold
from .look import Look
from .restarts import in_vain, is_restart, needs_start, place_of, start_of, without_starts
from .results import ChangeRecord
from .session import Session
from .slot import Slot, makeable
from .slot_gates import may_interrupt, previewed, without_a_drain

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.service import Service


def preview(
    session: Session,
    slots: Sequence[Slot],
    service: Service | None,
    draining: Draining,
    hold: Hold | None,
    came_up: bool | None = None,
) -> None:
    """Ask the host what each planned change would do, and whether it could be made; one exchange.

    ``service`` is the service as it is, where that is known; ``hold`` says why part of the plan is not made.
    ``came_up``: whether it has come up, as far as a caller can tell.
    """
    open_slots = [slot for slot in slots if slot.outcome is None]
    vain = in_vain(slots, service, came_up)
    if vain is not None:
        for slot in open_slots:
            slot.now = without_starts(slot.now, vain)
    planned = [(slot, change) for slot in open_slots for change in slot.now.changes]
    start = _announce(slots, service, vain, hold)
    asked = [*planned, *([start] if start else ())]
    standing = session.standing
    left_by = standing.drained.get(draining.spec.name) if standing and standing.hold is None else None
    drains = draining.plan(asked, service, slots, left_by)
    answers = session.preview([change for _, change in (*asked, *drains)], draining.spec)
    for slot in slots:
        slot.records = slot.records if slot.outcome is not None else []
        slot.drains = []
    for number, ((slot, change), answer) in enumerate(zip((*asked, *drains), answers, strict=True)):
        record = previewed(change, answer)
        if number >= len(asked):
            slot.drains.append(record)
            continue
        slot.shown |= {(change.kind, change.path)}
        if start is not None and change is start[1]:
            slot.start = record
        else:
            slot.records.append(record)
    if any(record.problem for slot in open_slots for record in slot.records):
        _leave_out_starts(open_slots, service, came_up, drained=left_by is not None)
    for slot in slots:
        without_a_drain(slot)


def _leave_out_starts(slots: Sequence[Slot], service: Service | None, came_up: bool | None, *, drained: bool) -> None:
    """Plan no start for what the host says cannot be made, and none that would be in vain without it.

    Nor is a service drained for it, or undrained where it is not ``drained`` already.
    """
    vain = in_vain([replace(slot, now=_without_hindered(slot)) for slot in slots], service, came_up)
    needed = any(needs_start(makeable(slot), service) for slot in slots)
    for slot in slots:
        if vain is not None:
            slot.now = without_starts(slot.now, vain)
            slot.records = [record for record in slot.records if not is_restart(record)]
        if isinstance(slot.start, ChangeRecord) and (vain is not None or not needed):
            slot.start = vain
    if not drained and not any(map(may_interrupt, slots)):
        for slot in slots:
            slot.drains = []


def _without_hindered(slot: Slot) -> Look:
    """How a step looks without the fixes of which a change cannot be made."""
    hindered = {(record.kind, record.target) for record in slot.records if record.problem}
    plan = [
        replace(each, changes=()) if any((change.kind, change.path) in hindered for change in each.changes) else each
        for each in slot.now.plan
    ]
    return replace(slot.now, plan=tuple(plan))


def _announce(
    slots: Sequence[Slot], service: Service | None, vain: Declined | None, hold: Hold | None
) -> tuple[Slot, Change] | None:
    """The start that comes after the planned changes though no step plans it, and the step to show it beside.

    Where there is none to offer, or it would be in vain or is held back, that step says why.
    """
    for slot in slots:
        slot.start = None
    place = place_of(slots, service)
    offer = (vain or start_of(service, place)) if place else None
    if place is None or offer is None:
        return None
    if isinstance(offer, Declined):
        place.start = offer
        return None
    if hold:
        place.start = hold.declined([offer])
        return None
    return place, offer
