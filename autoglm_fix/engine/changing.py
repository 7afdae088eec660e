"""Making what was planned for a service: step by step, each judged by its own diagnostic, the start last and once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import AgentError
from autoglm_fix.fixes import Declined

from .bound import BoundStep
from .draining import Draining
from .events import ChangeMade, Doing, StepDone
from .gather import Facts
from .look import Look, rests_on
from .restarts import (
    Due,
    in_vain,
    is_restart,
    judges_the_start,
    needs_start,
    service_now,
    start_of,
    was_started,
    without_starts,
)
from .results import ChangeRecord, Fault, StepStatus
from .session import Session
from .slot import Slot, judge_step, look_again, makeable, may_differ, reconsider, record_of, slot_result, start_over
from .slot_gates import interrupts, previewed, shared_keys
from .surroundings import Surroundings
from .turns import in_turn

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.service import Service

Looks = Callable[[Sequence[BoundStep]], Sequence[Look]]


@dataclass
class Changing:
    """One pass over the steps of a service. Methods may raise ChannelClosed and Refusal.

    ``before`` is the service as it was when the plan was shown, None where nothing is known of it;
    ``looks`` looks at steps anew; ``due`` is what the service is due for already. ``came_up``: whether it had come up
    before, as far as a caller could tell. ``interrupted``: callers may have lost it by what was made.
    """

    session: Session
    spec: ServiceSpec
    facts: Facts
    around: Surroundings
    looks: Looks
    draining: Draining
    before: Service | None = None
    due: Due = field(default_factory=Due)
    came_up: bool | None = None
    changed: bool = False
    interrupted: bool = False

    def __post_init__(self) -> None:
        self.run, self.stop, self.emit = self.around.run, self.around.stop, self.around.emit

    def carry_out(self, slots: Sequence[Slot]) -> None:
        """Make what was planned, in order, up to the first step that fails."""
        for position, slot in enumerate(slots):
            if self.stop.is_set():
                return
            self._ask_about_what_is_new(slot)
            keys = shared_keys(slot, makeable(slot))
            with self.around.gates.turn(self.session.host, keys, self._waits, self.around.resting) as news:
                if news:
                    self._see_what_others_made(slots, position)
                if not self._in_turn(slots, position):
                    return
                if any(record.made and record.shared in keys for record in slot.made):
                    self.around.gates.made(self.session.host, keys)
        if not self.stop.is_set():
            self._start(slots)

    def _in_turn(self, slots: Sequence[Slot], position: int) -> bool:
        """Make what one step plans, if anything. Whether the next one may follow."""
        slot = slots[position]
        changes = self.due.put_off(slot, makeable(slot))
        with in_turn([slot.step.throttle] if changes else [], self.stop):
            return not self.stop.is_set() and (not changes or self._step(slots, position, changes))

    def _ask_about_what_is_new(self, slot: Slot) -> None:
        """Have the host look at changes that a provisional step has turned into."""
        new = [change for change in makeable(slot) if (change.kind, change.path) in slot.unseen]
        answers = self.session.preview(new, self.spec)
        seen = {
            (change.kind, change.path): previewed(change, answer) for change, answer in zip(new, answers, strict=True)
        }
        slot.records = [seen.get((record.kind, record.target), record) for record in slot.records]
        slot.unseen -= seen.keys()

    def _waits(self, key: str) -> None:
        self.emit(Doing(self.session.host, "wait", key))

    def _see_what_others_made(self, slots: Sequence[Slot], position: int) -> None:
        """Another host has changed what this step is about: it is looked at anew, with those that follow.

        What this service has read at its start counts as changed by the step.
        """
        slot = slots[position]
        if needs_start(makeable(slot), self.before):
            self.due.needed_by = slot
        self.facts.forget()
        later = [each for each in slots[position:] if each.outcome is None]
        for each, look in self._looked(later):
            start_over(each, look)

    def _step(self, slots: Sequence[Slot], position: int, changes: Sequence[Change]) -> bool:
        """Make the changes of one step, and look again. Whether the next one may follow."""
        slot = slots[position]
        started = time.monotonic()
        if any(map(interrupts, changes)) and not self._may_interrupt(slot):
            return True
        whole = self._make(slot, changes)
        if self.stop.is_set() and not whole:
            return False
        if needs_start(changes if whole else _made(slot, changes), self.before):
            self.due.needed_by = slot
        later = [each for each in slots[position + 1 :] if each.now.provisional or each.now.changes]
        # What its own restart has yet to cure says nothing against what was made so far.
        judged = [] if whole and self.due.of(slot) else [slot]
        self._judge(judged, later, whole)
        self._look_back([each for each in slots if each is not slot and each not in later], changes)
        slot.spent_s += time.monotonic() - started
        return slot.outcome is not StepStatus.FAILED or slot.step.ignore_errors

    def _judge(self, slots: Sequence[Slot], later: Sequence[Slot], whole: bool) -> None:
        """Look again at what was acted on, and at later steps that rest on it; the diagnostic has the last word."""
        for slot in slots:
            self.emit(Doing(self.session.host, "check", slot.step.name))
        self.facts.forget()
        for number, (slot, look) in enumerate(self._looked([*slots, *later])):
            if number >= len(slots):
                look_again(slot, look, slot.now.provisional is not None)
                continue
            judge_step(slot, look, whole)
            if not isinstance(slot.start, ChangeRecord):  # else a start is still to come
                self.emit(StepDone(self.session.host, slot_result(slot, self.spec.name)))

    def _looked(self, slots: Sequence[Slot]) -> list[tuple[Slot, Look]]:
        """How they look now. Nothing where a Ctrl-C cut the look off: it tells nothing of them."""
        looks = self.looks([slot.step for slot in slots])
        return [] if self.facts.cut_off else list(zip(slots, looks, strict=True))

    def _look_back(self, others: Sequence[Slot], changes: Sequence[Change]) -> None:
        """Look again at steps that were well, or could not tell, and rest on what was changed after them.

        Whether the service runs with what is there by now is told after it has been started.
        """
        paths = [change.path for change in changes]
        touched = [slot for slot in others if may_differ(slot) and rests_on(slot.now, paths)]
        self._reconsider([slot for slot in touched if not judges_the_start(slot)])

    def _reconsider(self, slots: Sequence[Slot]) -> None:
        for slot, look in self._looked(slots):
            reconsider(slot, look)

    def _start(self, slots: Sequence[Slot]) -> None:
        """Start the service anew, once, for all that is due."""
        planned = self.due.planned or self._needed(slots)
        vain = in_vain(slots, service_now(self.facts, self.spec), self.came_up) if planned else None
        announced = next((slot.start for slot in slots if isinstance(slot.start, ChangeRecord)), None)
        for slot in slots:
            slot.now = without_starts(slot.now, vain) if vain else slot.now
            slot.start = vain if isinstance(slot.start, ChangeRecord) else slot.start
        if vain or not planned:
            return
        slot, change = planned[0]
        started = time.monotonic()
        if not self._may_interrupt(slot):
            slot.start = announced  # which is not made
            return
        if judges_the_start(slot):
            slot.error = None  # of a start before, whose cause may be mended by now
        whole = self._make(slot, [change])
        if self.stop.is_set() and not whole:
            return
        self._judge([each for each, _ in self.due.planned] or [slot], (), whole)
        for other, _ in planned[1:]:
            other.records = [record for record in other.records if not is_restart(record)]
        told = [each for each in slots if judges_the_start(each) and each is not slot and may_differ(each)]
        self._reconsider([each for each in told if each.outcome is None])
        slot.spent_s += time.monotonic() - started

    def _needed(self, slots: Sequence[Slot]) -> list[tuple[Slot, Change]]:
        """The start that no step has planned, with the step beside which it was shown."""
        needed_by = self.due.needed_by
        shown = next((slot for slot in slots if slot.start is not None), needed_by)
        if needed_by is None or shown is None:
            return []
        if isinstance(shown.start, Declined) or (shown.start is not None and shown.start.problem):
            return []
        service = service_now(self.facts, self.spec)
        if service is None or was_started(self.before, service):
            return []
        offer = start_of(service, shown)
        return [] if offer is None or isinstance(offer, Declined) else [(shown, offer)]

    def _may_interrupt(self, slot: Slot) -> bool:
        """Whether callers may be kept from the service now. Where the operator's command fails that is said, and no."""
        may = self.draining.begin(slot)
        if may:
            self.interrupted = True
            return True
        if self.stop.is_set():
            slot.error = slot.outcome = None
        elif not isinstance(slot.start, ChangeRecord):
            self.emit(StepDone(self.session.host, slot_result(slot, self.spec.name)))
        return False

    def _make(self, slot: Slot, changes: Sequence[Change]) -> bool:
        """Whether every change was made. What was not is in the slot's error."""
        self.emit(Doing(self.session.host, "apply", slot.step.name))
        began = time.monotonic()
        answers = self.session.apply(self.run, slot.step.name, changes, self.spec)
        took_s = time.monotonic() - began if len(changes) == 1 else None
        self.changed = True
        if isinstance(answers, AgentError):
            self._lost(slot, changes, answers)
            return False
        shown = (*slot.records, *([slot.start] if isinstance(slot.start, ChangeRecord) else ()))
        as_shown = {(record.kind, record.target): record for record in shown}
        for change, answer in zip(changes, answers, strict=False):
            problem = None if answer["made"] else str(answer["problem"])
            record = as_shown.get((change.kind, change.path)) or record_of(change, diff="", problem=None)
            record = replace(record, problem=problem, made=bool(answer["made"]), took_s=took_s)
            slot.made.append(record)
            self.emit(ChangeMade(self.session.host, slot.step.name, record))
            if problem:
                values = {"target": change.path, "message": problem, "hint": str(answer.get("hint") or "")}
                slot.error = Fault("run.change-failed", values, tuple(answer.get("tail", ())))
        return slot.error is None

    def _lost(self, slot: Slot, changes: Sequence[Change], error: AgentError) -> None:
        """Nobody has said what became of the changes."""
        if error.kind == "goes-on":
            slot.outcome = StepStatus.AMBIGUOUS
            slot.error = Fault("run.goes-on", {"targets": [change.path for change in changes]})
            return
        reverted = self.session.recover()
        slot.error = Fault("run.cut-off", {"reason": error.message, "reverted": reverted}, error.tail)


def _made(slot: Slot, changes: Sequence[Change]) -> list[Change]:
    """Those of some changes that have been made."""
    made = {(record.kind, record.target) for record in slot.made if record.made}
    return [change for change in changes if (change.kind, change.path) in made]
