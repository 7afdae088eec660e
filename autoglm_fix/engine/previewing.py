"""What the host says of a plan before anybody agrees to it, and the start that comes last though no step plans it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from autoglm_fix.agent.changes import Change
from autoglm_fix.fixes import Declined

from .draining import Draining
from .holding import Hold
from .restarts import in_vain, place_of, start_of, without_starts
from .session import Session
from .slot import Slot
from .slot_gates import previewed, without_a_drain

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
    for slot in slots:
        without_a_drain(slot)


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
