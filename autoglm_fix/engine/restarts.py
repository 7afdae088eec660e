"""Starts of a service: who needs one, and beside which step it is shown. It is put off to the end, and made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.coming_up import has_come_up
from autoglm_fix.fixes import Declined

from .gather import Facts
from .look import Look, refused, touches
from .results import ChangeRecord
from .slot import Slot, is_open

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.service import Service

_RESTART = "restart"
_OF_ALL = "restart.after-changes"
_UP = ("running", "starting", "restarting", "stopping")
# With "daemon-reload" systemd reads its units anew before it restarts one.
_RESTARTS = frozenset({_RESTART, "daemon-reload"})
# A container that is made anew is started with it.
_STARTS = _RESTARTS | {"recreate"}
# What a caller sees of a service that does not come up.
_NO_START = ("crashed", "hang")


def is_restart(change: Change | ChangeRecord) -> bool:
    """Whether a change is a restart, or a start, and nothing else."""
    return change.kind in _RESTARTS


def needs_start(changes: Sequence[Change], service: Service | None) -> bool:
    """Whether changes take effect only when the service starts again.

    They say so themselves (a definition), or it runs and has read at its start what they touch (a model's file).
    """
    others = [change for change in changes if change.kind not in _STARTS]
    if any(change.risk == "restart" for change in others):
        return True
    running = service is not None and service.running is not None
    return running and service is not None and touches(service.reads, [change.path for change in others])


def judges_the_start(slot: Slot) -> bool:
    """Whether a step is the one that tells whether the service runs with what it is defined by."""
    return any(bound.fix.name == _RESTART for bound in slot.step.fixes)


@dataclass
class Due:
    """The start that a service is due for: who planned it, and who needs it without having planned it."""

    planned: list[tuple[Slot, Change]] = field(default_factory=list)
    needed_by: Slot | None = None

    def put_off(self, slot: Slot, changes: Sequence[Change]) -> list[Change]:
        """Note the restarts among a step's changes; the others are left."""
        self.planned += [(slot, change) for change in changes if is_restart(change)]
        return [change for change in changes if not is_restart(change)]

    def of(self, slot: Slot) -> bool:
        """Whether a step has planned one, so that nothing can be said of it before that."""
        return any(planner is slot for planner, _ in self.planned)


def service_now(facts: Facts, spec: ServiceSpec) -> Service | None:
    """The service as it is; None where it cannot be told, or where a model is loaded by whoever needs it."""
    if spec.manager == "none" and not spec.endpoint:
        return None
    from autoglm_fix.agent.facts.service import Service

    service = facts.one(Service)
    return service if isinstance(service, Service) else None


def place_of(slots: Sequence[Slot], service: Service | None) -> Slot | None:
    """The step beside which a start is shown that none has planned; None where none is to come.

    It is the one that judges whether the service runs with what it is defined by; in a play without it
    the last whose changes take effect at a start.
    """
    waiting = [slot for slot in slots if is_open(slot)]
    if any(is_restart(change) for slot in waiting for change in slot.now.changes):
        return None
    needing = [slot for slot in waiting if needs_start(slot.now.changes, service)]
    judging = [slot for slot in slots if judges_the_start(slot)]
    return next(reversed(judging or needing), None) if needing else None


def start_of(service: Service | None, slot: Slot) -> Change | Declined | None:
    """The start of a service for what was changed, or why there is none to offer; None where nothing is known of it."""
    if service is None or (service.state == "by-hand" and service.running is None):
        return None
    # Imported here: it takes its time, and a healthy service is not started.
    from autoglm_fix.fixes.restart import restart_of

    offer = restart_of(service, says=_OF_ALL if service.state in _UP else "")
    if isinstance(offer, Declined) or slot.step.permits(offer):
        return offer
    return refused(offer)


def in_vain(slots: Sequence[Slot], service: Service | None, answers: bool | None = None) -> Declined | None:
    """Why a service that is not up is not started: a step has found what keeps it from that, and does not mend it.

    One that came up has shown that it does, whatever a step makes of it. ``answers``: see ``has_come_up``.
    """
    if service is None or has_come_up(service, answers):
        return None
    ended_by = {finding.judged_by for slot in slots for finding in slot.now.findings} - {""}
    for slot in slots:
        for planned in () if slot.step.ignore_errors or judges_the_start(slot) else slot.now.plan:
            found = planned.finding
            again = found.symptom in _NO_START or slot.step.diagnostic.name in ended_by
            if found.severity == "error" and again and not planned.changes:
                return Declined("run.in-vain", {"step": slot.step.name})
    return None if answers else _one_more(slots, service)


def _one_more(slots: Sequence[Slot], service: Service) -> Declined | None:
    """Why a service that its manager starts again and again is not started once more: nothing differs from before."""
    from autoglm_fix.diagnostics.service_findings import Restarting

    every = [planned.finding for slot in slots for planned in slot.now.plan]
    loop = next((finding for finding in every if isinstance(finding, Restarting)), None)
    if loop is None or not service.reloaded:
        return None
    begun = service.running.since if service.running else (service.ended.at if service.ended else None) or 0.0
    by_hand = service.changed is not None and service.changed > begun
    mended = any(slot.made or slot.earlier or not all(map(is_restart, slot.now.changes)) for slot in slots)
    return None if mended or by_hand else Declined("run.loops", {"manager": service.manager, "look": loop.look})


def without_starts(look: Look, why: Declined) -> Look:
    """The same look of a service that is not to be started, for the reason given."""
    plan = []
    for planned in look.plan:
        others = tuple(change for change in planned.changes if not is_restart(change))
        if others != planned.changes:
            planned = replace(planned, changes=others, declined=(*planned.declined, why))
        plan.append(planned)
    return replace(look, plan=tuple(plan))


def was_started(before: Service | None, now: Service) -> bool:
    """Whether it has been started by somebody else since: it has read what is there by now."""
    if before is None or now.running is None:
        return False
    return before.running is None or now.running.pid != before.running.pid
