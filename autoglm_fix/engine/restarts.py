"""Restarts are put off to the end of a service's walk, and made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.restart import restart_of

from .bound import Patience
from .gather import Facts, Want
from .slot import Slot

_RESTART = "restart"
# With "daemon-reload" systemd reads its units anew before it restarts one.
_RESTARTS = frozenset({_RESTART, "daemon-reload"})
# A container that is made anew is started with it.
_STARTS = _RESTARTS | {"recreate"}


def is_restart(change: Change) -> bool:
    """Whether a change is a restart, or a start, and nothing else."""
    return change.kind in _RESTARTS


def takes_a_start(changes: Sequence[Change]) -> bool:
    """Whether changes take effect only when the service starts again."""
    return any(change.risk == "restart" and change.kind not in _STARTS for change in changes)


@dataclass
class Due:
    """The restart that a service is due for: who planned it, and who needs it without having planned it."""

    planned: list[tuple[Slot, Change]] = field(default_factory=list)
    needed_by: Slot | None = None

    def __bool__(self) -> bool:
        return bool(self.planned) or self.needed_by is not None

    def put_off(self, slot: Slot, changes: Sequence[Change]) -> list[Change]:
        """Note the restarts among a step's changes; the others are left."""
        self.planned += [(slot, change) for change in changes if is_restart(change)]
        return [change for change in changes if not is_restart(change)]


def announced(slots: Sequence[Slot]) -> Slot | None:
    """The step beside which a restart is shown that nobody has planned yet, None where none is to come.

    It is the one that judges whether the service runs with what it is defined by, where that waits for
    earlier changes; else the last whose changes take effect at a start.
    """
    if any(is_restart(change) for slot in slots for change in slot.now.changes):
        return None
    waiting = [slot for slot in slots if slot.now.provisional and _may_restart(slot)]
    needing = [slot for slot in slots if takes_a_start(slot.now.changes)]
    return next(reversed([*needing, *waiting]), None)


def _may_restart(slot: Slot) -> bool:
    return any(bound.fix.name == _RESTART for bound in slot.step.fixes)


def due_restart(facts: Facts) -> Change | Declined | None:
    """The restart of the service as it is now; None where nothing is known of it."""
    want = Want.of(Service, {}, {}, Patience())
    service = facts.gather([want])[want]
    if not isinstance(service, Service):
        return None
    return restart_of(service)
