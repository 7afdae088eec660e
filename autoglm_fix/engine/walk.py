"""One service's walk through a play: look, apply and look again, prove."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Event as Flag
from typing import Any

from autoglm_fix.agent.changes import Change
from autoglm_fix.connect import AgentError
from autoglm_fix.proof import Proof, beside_the_endpoint, judge

from .bound import DEEP, BoundStep
from .events import ChangeMade, Doing, Listener, ProofDone, StepDone
from .look import look_at_all, rests_on
from .results import Fault, StepResult, StepStatus
from .script import Ask, Script, ScriptStep
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

Describe = Callable[[StepResult], Mapping[str, Any]]


class ServiceWalk:
    """The walk of one service of a host. Methods may raise ChannelClosed and Refusal."""

    def __init__(
        self, session: Session, script: Script, describe: Describe, run: str, stop: Flag, emit: Listener
    ) -> None:
        """``describe`` turns a step's result into what later steps see as its registered result."""
        self.script = script
        self.proofs: list[Proof] = []
        self.changed = False
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
        self._preview()

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
        looks = iter(look_at_all(flat, self._facts))
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
        planned = [(slot, change) for slot in self._every_slot() for change in slot.now.changes]
        answers = self._session.preview([change for _, change in planned], self.script.service)
        for slot in self._every_slot():
            slot.records = []
        for (slot, change), answer in zip(planned, answers, strict=True):
            problem = answer["problem"]
            slot.records.append(record_of(change, diff=str(answer["diff"]), problem=problem and str(problem)))
        for slot in self._every_slot():
            slot.shown = frozenset((change.kind, change.path) for change in slot.now.changes)

    # -- changing

    @property
    def has_changes(self) -> bool:
        """Whether anything that can be made is planned."""
        return any(makeable(slot) for slot in self._every_slot())

    def apply(self) -> None:
        """Make what was planned, step by step; after each, the same diagnostic runs again."""
        slots = self._every_slot()
        for position, slot in enumerate(slots):
            if self._stop.is_set():
                return
            changes = makeable(slot)
            if not changes:
                continue
            self._emit(Doing(self._session.host, "apply", slot.step.name))
            started = time.monotonic()
            whole = self._make(slot, changes)
            if self._stop.is_set() and not whole:
                return
            self._emit(Doing(self._session.host, "check", slot.step.name))
            self._facts.forget()
            later = [s for s in slots[position + 1 :] if s.now.provisional or s.now.changes]
            looks = look_at_all([slot.step, *(s.step for s in later)], self._facts)
            judge_step(slot, looks[0], whole)
            self._look_back(slots[:position], changes)
            for other, look in zip(later, looks[1:], strict=True):
                was_provisional = other.now.provisional is not None
                look_again(other, look, was_provisional)
            slot.spent_s += time.monotonic() - started
            self._emit(StepDone(self._session.host, slot_result(slot, self.script.service.name)))
            if slot.outcome is StepStatus.FAILED and not slot.step.ignore_errors:
                return

    def refresh(self) -> None:
        """Look again before anything is made: the host was changed since the plan was shown."""
        self._facts.forget()
        slots = self._every_slot()
        for slot, look in zip(slots, look_at_all([slot.step for slot in slots], self._facts), strict=True):
            start_over(slot, look)

    def _look_back(self, earlier: Sequence[Slot], changes: Sequence[Change]) -> None:
        """Look again at steps that were well, or could not tell, and rest on what was changed after them."""
        paths = [change.path for change in changes]
        touched = [slot for slot in earlier if may_differ(slot) and rests_on(slot.now, paths)]
        for slot, look in zip(touched, look_at_all([slot.step for slot in touched], self._facts), strict=True):
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
            proof = self._prove(ask)
            if proof is None:
                return
            self.proofs.append(proof)
            self._emit(ProofDone(self._session.host, self.script.play, proof))

    def _prove(self, ask: Ask) -> Proof | None:
        """The judged proof; None where a Ctrl-C cut it off, which proves and disproves nothing."""
        service = self.script.service
        self._emit(Doing(self._session.host, "prove", service.name))
        arguments = {
            "prompt": ask.prompt,
            "max_new_tokens": ask.max_new_tokens,
            "require_gpu": ask.require_gpu,
            "timeout_s": ask.timeout_s,
        }
        evidence = self._session.prove(service, arguments, ask.timeout_s + 30)
        if isinstance(evidence, AgentError):
            if evidence.kind == "cancelled":
                return None
            evidence = {"error": evidence.message, "kind": evidence.kind, "tail": list(evidence.tail)}
        proof = judge(evidence, service=service.name, require_gpu=ask.require_gpu)
        return beside_the_endpoint(proof, service.endpoint) if service.endpoint else proof

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
