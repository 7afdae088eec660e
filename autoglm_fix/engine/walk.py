"""One service's walk through a play: look, change and look again, prove."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoglm_fix.proof import Proof

from .bound import DEEP, BoundStep
from .changing import Changing
from .draining import Draining
from .events import Doing, ProofDone
from .holding import AT_WORK, Hold, on_hold
from .look import Look, look_at_all
from .previewing import preview
from .proving import READINESS, Baseline, baseline_request, prove, read_baseline
from .restarts import Due, service_now
from .results import ChangeRecord, Fault, StepResult, StepStatus
from .script import Script, ScriptStep
from .session import Session
from .slot import Slot, deepened, fresh, hold_back, is_open, look_again, makeable, merged, slot_result, start_over
from .slot_gates import may_interrupt, sources_of
from .surroundings import Surroundings
from .turns import in_turn
from .verdict import first_cause

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.service import Service

# What a second look asks where the answer was none that a whole model would give.
_OF_GARBAGE = ("weights",)


class ServiceWalk:
    """The walk of one service of a host. Methods may raise ChannelClosed and Refusal."""

    def __init__(
        self,
        session: Session,
        script: Script,
        around: Surroundings,
    ) -> None:
        """``around`` is what all hosts of the run share."""
        self.script = script
        self.proofs: list[Proof] = []
        self.changed = False
        self.interrupted = False
        self.baseline: Baseline | None = None
        self._session = session
        self._around = around
        self._stop = around.stop
        self._emit = around.emit
        self._draining = Draining(session, script.service, around.run, around.emit)
        self._held_by: Hold | None = None
        self._facts = session.facts(script.service)
        self._service: Service | None = None
        self._owed: Slot | None = None
        self._slots: dict[int, list[Slot]] = {}
        self._faults: dict[int, Fault] = {}
        self._registered: dict[str, Any] = {}

    # -- looking

    def look(self) -> None:
        """Diagnose and plan every step; steps that refer to earlier results wait for those alone."""
        self._session.looks_at(self.script.service.name)
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
        if self.baseline is None or self.baseline.symptom != "garbage" or not self.look_deeper(_OF_GARBAGE):
            self._preview()

    def look_anew(self) -> None:
        """Look as if for the first time: something was put back on the host, or taken back."""
        self._facts.forget()
        self.baseline = None
        self._slots, self._faults, self._registered = {}, {}, {}
        self.look()

    def refresh(self) -> None:
        """Look again before anything is made: the host was changed since the plan was shown.

        A start that was shown stays due: somebody else has made what it is for.
        """
        self._facts.forget()
        slots = self._every_slot()
        looks = self._looks([slot.step for slot in slots])
        for slot, look in () if self.cut_off else zip(slots, looks, strict=True):
            start_over(slot, look)
        self._owed = next((slot for slot in slots if isinstance(slot.start, ChangeRecord)), None)

    def look_deeper(self, diagnostics: Sequence[str]) -> bool:
        """Look once more, deeper, at the steps of these diagnostics. False where that shows nothing new."""
        slots = [slot for slot in self._every_slot() if _is_shallow(slot, diagnostics)]
        if not slots:
            return False
        self._emit(Doing(self._session.host, "look", self.script.service.name))
        with in_turn((slot.step.throttle for slot in slots), self._stop):
            looks = self._looks([_deep(slot.step) for slot in slots])
        told = [slot for slot, look in zip(slots, looks, strict=True) if not self.cut_off and deepened(slot, look)]
        if not told:
            return False
        every = self._every_slot()
        later = [slot for slot in every[every.index(told[0]) + 1 :] if is_open(slot) and slot not in told]
        again = self._looks([slot.step for slot in later], [slot.now for slot in told])
        for slot, look in zip(later, again, strict=True):
            look_again(slot, look, was_provisional=False)
        self._preview()
        return True

    def _ask_first(self) -> None:
        """Ask a service with an endpoint what it answers now, beside the first facts."""

        def take(reply: Any) -> None:
            self.baseline = read_baseline(reply)

        service = self.script.service
        if service.endpoint and self.script.steps and self.baseline is None:
            self._facts.send_along(baseline_request(service, self.script.key), take)
        if self._session.standing is None:
            self._facts.send_along(*self._session.standing_request())

    @property
    def worked(self) -> bool:
        """Whether the service answered well before anything was changed."""
        return self.baseline is not None and self.baseline.answers

    @property
    def in_use(self) -> bool:
        """Whether callers may have answers from it now: it answers, or it runs and there is nowhere to ask."""
        if self.baseline is not None:
            return self.baseline.answers or self.baseline.at_work
        return not self.script.service.endpoint and self._service is not None and self._service.running is not None

    @property
    def _came_up(self) -> bool | None:
        # Once something was changed, what was seen before is old.
        return self.baseline.came_up if self.baseline is not None and not self.changed else None

    @property
    def _hold(self) -> Hold | None:
        """Why part of what is planned is not made, if that is so."""
        standing = self._session.standing
        if standing is not None and standing.hold is not None:
            return on_hold(standing.hold)
        at_work = self.baseline is not None and (self.baseline.answers or self.baseline.at_work)
        return AT_WORK if at_work and not self._around.even_if_working else self._held_by

    def hold_back(self, hold: Hold) -> None:
        """Leave what is planned undone, as far as that is held back."""
        self._held_by = hold
        if hold.everything:
            self._draining.left_by = None
        for slot in self._every_slot():
            hold_back(slot, hold)

    def _looks(self, steps: Sequence[BoundStep], before: Sequence[Look] = ()) -> list[Look]:
        looks = look_at_all(steps, self._facts, before)
        hold = self._hold
        return list(map(hold.look, looks)) if hold else looks

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
        with in_turn((step.throttle for step in flat), self._stop):
            looks = iter(self._looks(flat, before))
        spent = (time.monotonic() - started) / max(len(flat), 1)
        for index, steps in bound.items():
            self._slots[index] = [fresh(step, next(looks), spent) for step in steps]
        for index in wave:
            name = self.script.steps[index].register
            if name:
                found = self._around.describe(self._result(index))
                self._registered[name] = self.script.steps[index].shared(found)

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
        changes = any(slot.now.changes for slot in slots if slot.outcome is None)
        self._service = service_now(self._facts, self.script.service) if changes else None
        preview(self._session, slots, self._service, self._draining, self._hold, self._came_up)

    # -- changing

    @property
    def has_changes(self) -> bool:
        """Whether anything that can be made is planned."""
        return any(makeable(slot) for slot in self._every_slot()) or self._draining.left_by is not None

    @property
    def cut_off(self) -> bool:
        """Whether a Ctrl-C cut a look at it off."""
        return self._facts.cut_off

    @property
    def may_interrupt(self) -> bool:
        """Whether what is planned takes the service away for a while. A provisional step may turn into that."""
        return any(may_interrupt(slot) for slot in self._every_slot())

    @property
    def sources(self) -> frozenset[str]:
        """What is read from by what is planned: sources that many hosts fetch or load their weights from."""
        return frozenset(source for slot in self._every_slot() for source in sources_of(slot))

    def apply(self) -> None:
        """Make what was planned, step by step; after each, the same diagnostic runs again. A start comes last."""
        changing = Changing(
            self._session,
            self.script.service,
            self._facts,
            self._around,
            self._looks,
            self._draining,
            self._service,
            Due(needed_by=self._owed),
            self._came_up,
        )
        try:
            changing.carry_out(self._every_slot())
        finally:
            self.changed |= changing.changed
            self.interrupted |= changing.interrupted

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

    @property
    def answers(self) -> bool:
        """Whether the last proofs showed that it generates. One that could not show all else generates as well."""
        return bool(self.proofs) and all(proof.status in ("verified", "unproved") for proof in self.proofs)

    def back_in_service(self, answers: bool) -> bool:
        """Undrain it where it answers and was drained. Whether callers have it again."""
        if not answers:
            self._draining.stays()
        return answers and self._draining.end()

    def explains(self, proof: Proof) -> bool:
        """Whether it is known already why the service does not come up: reading more of its model tells nothing new."""
        cause = first_cause([finding for slot in self._every_slot() for finding in slot.now.findings])
        known = cause is not None and (not cause.consequence or cause.judged_by != "")
        return known and proof.symptom in ("crashed", "refused")

    def is_broken(self) -> bool:
        """Whether it answered before anything was changed, failed its proof, and does not answer that question now."""
        if not self.worked or not any(proof.status == "failed" for proof in self.proofs):
            return False
        return not self.answers_now()

    def answers_now(self) -> bool:
        """Whether it answers one short question, asked without waiting for it to start."""
        reply = self._session.ask(baseline_request(self.script.service, self.script.key))
        return read_baseline(reply).answers

    def comes_up(self) -> bool:
        """Whether it answers once it has had the time to start, for where nobody asks for a proof.

        One without an endpoint is only known to run.
        """
        if not self.script.service.endpoint:
            return True
        proof = prove(self._session, self.script, READINESS)
        return proof is not None and proof.status != "failed"

    @property
    def drained(self) -> bool:
        """Whether callers are kept from it."""
        return self._draining.drained

    def taken_back(self) -> None:
        """What interrupted it was taken back."""
        self._draining.taken_back()

    # -- results

    def results(self) -> list[StepResult]:
        """Every step as it stands now, in the play's order."""
        self._draining.is_left()
        return [self._result(index) for index in range(len(self.script.steps))]

    def _every_slot(self) -> list[Slot]:
        return [slot for _, slots in sorted(self._slots.items()) for slot in slots]

    def _result(self, index: int) -> StepResult:
        step, service = self.script.steps[index], self.script.service.name
        if index in self._faults:
            return _empty(self.script.play, step, service, StepStatus.FAILED, self._faults[index])
        items = [slot_result(slot, service) for slot in self._slots.get(index, ())]
        if not items:
            left_out = step.left_out
            skipped = _empty(self.script.play, step, service, StepStatus.SKIPPED, None)
            return skipped if left_out is None else replace(skipped, declined=(left_out,))
        return merged(items)


def _empty(play: str, step: ScriptStep, service: str, status: StepStatus, error: Fault | None) -> StepResult:
    return StepResult(play, step.name, service, step.diagnostic, status, error=error, tags=step.tags)


def _is_shallow(slot: Slot, diagnostics: Sequence[str]) -> bool:
    """Whether the diagnostic of a step is one of these, and has more to look at."""
    diagnostic = slot.step.diagnostic
    return diagnostic.name in diagnostics and bool(dict(diagnostic.deeper).items() - slot.step.options.items())


def _deep(step: BoundStep) -> BoundStep:
    return replace(step, options={**step.options, **dict(step.diagnostic.deeper)}, patience=DEEP)
