"""What is planned and not made now: the service answers, its host is on hold, or too many like it are out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoglm_fix.agent.changes import Change
from autoglm_fix.fixes import Declined

from .gates import Replica
from .look import Look, said
from .results import ChangeRecord

# A service that answers is well without them; these leave something undone.
_LEFT_UNDONE = frozenset({"run.hold", "run.replica-out"})


@dataclass(frozen=True)
class Hold:
    """Why changes are held back: a code with its values. ``everything``: also what interrupts nobody."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    everything: bool = False

    def declined(self, changes: Iterable[Change]) -> Declined:
        """The reason, with what is held back."""
        return Declined(self.code, {"changes": said(changes), **self.values})

    def start(self, record: ChangeRecord) -> Declined:
        """The reason for a start that was shown."""
        return Declined(self.code, {"changes": [{"code": record.code, "values": record.values}], **self.values})

    def look(self, look: Look) -> Look:
        """The same look without what is held back, which says so."""
        plan = []
        for planned in look.plan:
            if any(self.everything or change.risk != "safe" for change in planned.changes):
                reason = self.declined(planned.changes)
                planned = replace(planned, changes=(), declined=(*planned.declined, reason))
            plan.append(planned)
        return replace(look, plan=tuple(plan))


AT_WORK = Hold("run.held")


def on_hold(reason: str) -> Hold:
    """Somebody has put the host on hold; ``reason`` is what they have written, if anything."""
    return Hold("run.hold", {"reason": reason}, everything=True)


def others_are_out(out: Sequence[Replica]) -> Hold:
    """Others that serve the same model failed their proof."""
    return Hold("run.replica-out", {"out": [str(each) for each in out]})


def is_left_undone(declined: Declined) -> bool:
    """Whether what was held back for this reason is still to be done, whatever it was planned for."""
    return declined.code in _LEFT_UNDONE
