"""One service's walk through a play: look, apply and look again, prove."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Event as Flag
from typing import Any

from autoglm_fix.agent.changes import Change
from autoglm_fix.connect import AgentError
from autoglm_fix.fixes import Declined
from autoglm_fix.proof import Proof

from .bound import DEEP, BoundStep
from .events import ChangeMade, Doing, Listener, ProofDone, StepDone
from .look import Look, hold, look_at_all, rests_on
from .proving import Baseline, baseline_request, prove, read_baseline
from .restarts import Due, announced, due_restart, takes_a_start
from .results import Fault, StepResult, StepStatus
from .script import Script, ScriptStep
from .session import Session
from .slot import (
    Slot,
    fresh,
    judge_step,
    look_again,
    makeable,
    may_differ,
    merged,
    reconsider,
    record_of,
    slot_result,
    start_over,
)

# What a second look asks where the answer was none that a whole model would give.
_OF_GARBAGE = ("weights",)

Describe = Callable[[StepResult], Mapping[str, Any]]


class ServiceWalk:
    """The walk of one service of a host. Methods may raise ChannelClosed and Refusal."""

    def __init__(
        self,
        session: Session,
        script: Script,
        describe: Describe,
        run: str,
        stop: Flag,
        emit: Listener,
        even_if_working: bool = False,
    ) -> None:
        """``describe`` turns a step's result into what later steps see as its registered result.

        A service that answers is not interrupted, unless ``even_if_working``.
        """
        self.script = script
        self.proofs: list[Proof] = []
        self.changed = False
        self.baseline: Baseline | None = None
        self._even_if_working = even_if_working
        self._session = session
        self._describe = describe
        self._run = run
        self._stop = stop
        self._emit = emit
        self._facts = session.facts(script.service)
        self._slots: dict[int, list[Slot]] = {}
        self._faults: dict[int, Fault] = {}
        self._registered: dict[str, Any] = {}

    # -- looking

    def look(self) -> None:
        """Diagnose and plan every step; steps that refer to earlier results wait for those alone."""
        self._emit(Doing(self._session.host, "look", self.script.service.name))
        self._ask_first()
        wave: list[int] = []
        open_names: set[str] = set()
        for index, step in enumerate(self.script.steps):
            if step.refers_to & open_names:
                self._look_at_wave(wave)
                wave, open_names = [], set()
            wave.append(index)
            if step.register:
                open_names.add(step.register)
            if step.until:
                self._look_at_wave(wave)
                self._repeat(index, step)
                wave, open_names = [], set()
        self._look_at_wave(wave)
        self._hold()
        if self.baseline is None or self.baseline.symptom != "garbage" or not self.look_deeper(_OF_GARBAGE):
            self._preview()

    def _ask_first(self) -> None:
        """Ask a service with an endpoint what it answers now, beside the first facts."""

        def take(reply: Any) -> None:
            self.baseline = read_baseline(reply)

        service = self.script.service
        if service.endpoint and self.script.steps and self.baseline is None:
            self._facts.send_along(baseline_request(service, self.script.key), take)

    @property
    def worked(self) -> bool:
        """Whether the service answered well before anything was changed."""
        return self.baseline is not None and self.baseline.answers

    def _hold(self) -> None:
        if self.worked and not self._even_if_working:
            for slot in self._every_slot():
                slot.first, slot.now = hold(slot.first), hold(slot.now)

    def _looks(self, steps: Sequence[BoundStep], before: Sequence[Look] = ()) -> list[Look]:
        looks = look_at_all(steps, self._facts, before)
        return list(map(hold, looks)) if self.worked and not self._even_if_working else looks

    def look_deeper(self, diagnostics: Sequence[str]) -> bool:
        """Look once more, deeper, at the steps of these diagnostics. False where none has more to look at."""
        deeper = {}
        for index, slots in self._slots.items():
            for slot in slots:
                more = dict(slot.step.diagnostic.deeper)
                if slot.step.diagnostic.name in diagnostics and more.items() - slot.step.options.items():
                    deeper[index] = [replace(s.step, options={**s.step.options, **more}, patience=DEEP) for s in slots]
        if not deeper:
            return False
        self._emit(Doing(self._session.host, "look", self.script.service.name))
        flat = [step for steps in deeper.values() for step in steps]
        looks = iter(self._looks(flat))
        for index, steps in deeper.items():
            earlier = [record for slot in self._slots[index] for record in slot.made]
            self._slots[index] = [fresh(step, next(looks)) for step in steps]
            self._slots[index][0].made = earlier
        self._preview()
        return True

    def _look_at_wave(self, wave: Sequence[int]) -> None:
        bound: dict[int, Sequence[BoundStep]] = {}
        for index in wave:
            steps = self.script.steps[index].bind(self._registered)
            if isinstance(steps, Fault):
                self._faults[index] = steps
            else:
                bound[index] = steps
        before = [slot.now for slots in self._slots.values() for slot in slots]
        started = time.monotonic()
        flat = [step for steps in bound.values() for step in steps]
        looks = iter(look_at_all(flat, self._facts, before))
        spent = (time.monotonic() - started) / max(len(flat), 1)
        for index, steps in bound.items():
            self._slots[index] = [fresh(step, next(looks), spent) for step in steps]
        for index in wave:
            name = self.script.steps[index].register
            if name:
                self._registered[name] = self._describe(self._result(index))

    def _repeat(self, index: int, step: ScriptStep) -> None:
        """Repeat a diagnosis until its ``until`` holds or its retries are used up."""
        if step.until is None:
            return
        for _ in range(step.until.retries):
            if step.satisfied(self._registered) or self._stop.wait(step.until.delay_s):
                return
            self._facts.forget()
            self._look_at_wave([index])

    def _preview(self) -> None:
        """Ask the host what each planned change would do, and whether it could be made."""
        slots = self._every_slot()
        planned = [(slot, change) for slot in slots for change in slot.now.changes]
        beside = announced(slots)
        to_come = due_restart(self._facts) if beside is not None else None
        if beside is not None and to_come is not None and not isinstance(to_come, Declined):
            planned.append((beside, to_come))
        answers = self._session.preview([change for _, change in planned], self.script.service)
        for slot in slots:
            slot.records = []
        for (slot, change), answer in zip(planned, answers, strict=True):
            problem = answer["problem"]
            slot.records.append(record_of(change, diff=str(answer["diff"]), problem=problem and str(problem)))
            slot.shown |= {(change.kind, change.path)}

    # -- changing

    @property
    def has_changes(self) -> bool:
        """Whether anything that can be made is planned."""
        return any(makeable(slot) for slot in self._every_slot())

    def apply(self) -> None:
        """Make what was planned, step by step; after each, the same diagnostic runs again. Restarts come last."""
        slots = self._every_slot()
        due = Due()
        for position, slot in enumerate(slots):
            if self._stop.is_set():
                return
            changes = due.put_off(slot, makeable(slot))
            if not changes:
                continue
            self._emit(Doing(self._session.host, "apply", slot.step.name))
            started = time.monotonic()
            whole = self._make(slot, changes)
            if self._stop.is_set() and not whole:
                return
            if takes_a_start(changes):
                due.needed_by = slot
            later = [s for s in slots[position + 1 :] if s.now.provisional or s.now.changes]
            self._judge([slot], later, whole)
            self._look_back(slots[:position], changes)
            slot.spent_s += time.monotonic() - started
            if slot.outcome is StepStatus.FAILED and not slot.step.ignore_errors:
                return
        self._restart(due)

    def _judge(self, slots: Sequence[Slot], later: Sequence[Slot], whole: bool) -> None:
        """Look again at what was acted on, and at later steps that rest on it; the diagnostic has the last word."""
        for slot in slots:
            self._emit(Doing(self._session.host, "check", slot.step.name))
        self._facts.forget()
        looks = iter(self._looks([slot.step for slot in (*slots, *later)]))
        for slot in slots:
            judge_step(slot, next(looks), whole)
            self._emit(StepDone(self._session.host, slot_result(slot, self.script.service.name)))
        for other, look in zip(later, looks, strict=True):
            look_again(other, look, other.now.provisional is not None)

    def _restart(self, due: Due) -> None:
        """Start the service anew, once, for all that is due."""
        planned = due.planned
        change = planned[0][1] if planned else due_restart(self._facts) if due else None
        slot = planned[0][0] if planned else due.needed_by
        if slot is None or change is None or isinstance(change, Declined):
            return
        self._emit(Doing(self._session.host, "apply", slot.step.name))
        started = time.monotonic()
        whole = self._make(slot, [change])
        if planned:
            self._judge([slot for slot, _ in planned], (), whole)
        elif not whole:
            slot.outcome = StepStatus.FAILED
        slot.spent_s += time.monotonic() - started

    def refresh(self) -> None:
        """Look again before anything is made: the host was changed since the plan was shown."""
        self._facts.forget()
        slots = self._every_slot()
        for slot, look in zip(slots, self._looks([slot.step for slot in slots]), strict=True):
            start_over(slot, look)

    def _look_back(self, earlier: Sequence[Slot], changes: Sequence[Change]) -> None:
        """Look again at steps that were well, or could not tell, and rest on what was changed after them."""
        paths = [change.path for change in changes]
        touched = [slot for slot in earlier if may_differ(slot) and rests_on(slot.now, paths)]
        for slot, look in zip(touched, self._looks([slot.step for slot in touched]), strict=True):
            reconsider(slot, look)

    def _make(self, slot: Slot, changes: Sequence[Change]) -> bool:
        """Whether every change was made. What was not is in the slot's error."""
        answers = self._session.apply(self._run, slot.step.name, changes, self.script.service)
        self.changed = True
        if isinstance(answers, AgentError):
            reverted = self._session.recover()
            slot.error = Fault("run.cut-off", {"reason": answers.message, "reverted": reverted}, answers.tail)
            return False
        diffs = {(record.kind, record.target): record.diff for record in slot.records}
        for change, answer in zip(changes, answers, strict=False):
            problem = None if answer["made"] else str(answer["problem"])
            diff = diffs.get((change.kind, change.path), "")
            record = replace(record_of(change, diff=diff, problem=problem), made=bool(answer["made"]))
            slot.made.append(record)
            self._emit(ChangeMade(self._session.host, slot.step.name, record))
            if problem:
                values = {"target": change.path, "message": problem, "hint": str(answer.get("hint") or "")}
                slot.error = Fault("run.change-failed", values)
        return slot.error is None

    # -- proving

    def prove(self) -> None:
        """Make the service generate, once for each entry of ``verify``."""
        self.proofs = []
        for ask in self.script.asks:
            self._emit(Doing(self._session.host, "prove", self.script.service.name))
            proof = prove(self._session, self.script, ask)
            if proof is None:
                return
            self.proofs.append(proof)
            self._emit(ProofDone(self._session.host, self.script.play, proof))

    # -- results

    def results(self) -> list[StepResult]:
        """Every step as it stands now, in the play's order."""
        return [self._result(index) for index in range(len(self.script.steps))]

    def _every_slot(self) -> list[Slot]:
        return [slot for _, slots in sorted(self._slots.items()) for slot in slots]

    def _result(self, index: int) -> StepResult:
        step, service = self.script.steps[index], self.script.service.name
        if index in self._faults:
            return _empty(self.script.play, step, service, StepStatus.FAILED, self._faults[index])
        items = [slot_result(slot, service) for slot in self._slots.get(index, ())]
        if not items:
            return _empty(self.script.play, step, service, StepStatus.SKIPPED, None)
        return merged(items)


def _empty(play: str, step: ScriptStep, service: str, status: StepStatus, error: Fault | None) -> StepResult:
    return StepResult(play, step.name, service, step.diagnostic, status, error=error, tags=step.tags)
