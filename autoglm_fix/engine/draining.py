"""The operator's own commands around an interruption: a service is drained before it, and undrained once it answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import AgentError
from autoglm_fix.locale import Catalogue

from .events import ChangeMade, Doing, Listener
from .results import Fault, StepStatus
from .session import Session
from .slot import Slot, record_of
from .slot_gates import interrupts

if TYPE_CHECKING:
    from autoglm_fix.agent.changes.drain import Drain, Undrain
    from autoglm_fix.agent.facts.service import Service

_ENGLISH = Catalogue("en")


@dataclass
class Draining:
    """Of one service. Methods may raise ChannelClosed and Refusal.

    ``left_by`` is the run that has left it drained, None where none did.
    """

    session: Session
    spec: ServiceSpec
    run: str
    emit: Listener
    left_by: str | None = None
    _drain: Drain | None = None
    _undrain: Undrain | None = None
    _beside: Slot | None = None
    _drained: bool = False

    def plan(
        self,
        planned: Sequence[tuple[Slot, Change]],
        service: Service | None,
        slots: Sequence[Slot],
        left_by: str | None,
    ) -> list[tuple[Slot, Change]]:
        """What is run around the planned changes, each beside a step: nothing for a service that does not run anyway.

        What an earlier run has drained and left (``left_by``) is undrained, whatever else is planned.
        """
        self._drain = self._undrain = self._beside = None
        interrupting = [slot for slot, change in planned if interrupts(change)]
        self.left_by = left_by if self.spec.undrain and slots else None
        runs = service is not None and service.running is not None
        around: list[tuple[Slot, Change]] = []
        if interrupting and runs and self.spec.drain and self.left_by is None:
            self._drain = self._offer(service)
            around.append((interrupting[0], self._drain))
        if self.spec.undrain and (around or self.left_by is not None):
            self._beside = interrupting[-1] if interrupting else slots[-1]
            from autoglm_fix.agent.changes.drain import Undrain

            self._undrain = Undrain(
                self.spec.name,
                self.spec.undrain,
                # To undo this run must not take from callers what an earlier one had drained.
                self.spec.drain if self.left_by is None else [],
                timeout=self.spec.drain_timeout,
                says="drain.undrain",
                values=_said(self.spec.undrain),
            )
            around.append((self._beside, self._undrain))
        return around

    def _offer(self, service: Service | None) -> Drain:
        from autoglm_fix.agent.changes.drain import Drain

        return Drain(
            self.spec.name,
            self.spec.drain,
            self.spec.undrain,
            dict(service.handle) if service is not None else {},
            self.spec.endpoint or "",
            timeout=self.spec.drain_timeout,
            says="drain.drain",
            values=_said(self.spec.drain),
        )

    @property
    def drained(self) -> bool:
        """Whether callers are kept from it, by this run or an earlier one."""
        return self._drained or self.left_by is not None

    def begin(self, slot: Slot) -> bool:
        """Drain it, where that is wanted and has not been done. Whether the interruption may follow."""
        if self._drain is None or self._drained:
            return True
        error = self._make(slot, self._drain)
        if error is not None:
            slot.error, slot.outcome = replace(error, code="run.drain-failed"), StepStatus.UNFIXED
            return False
        self._drained = True
        return True

    def end(self) -> bool:
        """Undrain it, now that it answers. Whether callers have it again."""
        if self._undrain is None or self._beside is None or not self.drained:
            return True
        slot = self._beside
        error = self._make(slot, self._undrain)
        if error is not None:
            slot.error, slot.outcome = replace(error, code="run.undrain-failed"), StepStatus.FAILED
            return False
        self._drained, self.left_by = False, None
        return True

    def stays(self) -> None:
        """It does not answer: it stays drained, and the report says so."""
        slot = self._beside
        if slot is None or not self.drained:
            return
        slot.outcome = slot.outcome if slot.outcome in (StepStatus.FAILED, StepStatus.AMBIGUOUS) else StepStatus.UNFIXED
        fault = self._say(slot, "run.still-drained")
        slot.error = slot.error or fault

    def is_left(self) -> None:
        """Whatever kept this run from its proof: where it has drained the service and not undrained it, it says so."""
        slot = self._beside
        if slot is not None and self._drained and not any(each.problem for each in slot.drains):
            self._say(slot, "run.left-drained")

    def _say(self, slot: Slot, code: str) -> Fault:
        """Why it stays drained, and how that is ended by hand, beside the command that was not run."""
        fault = Fault(code, {"service": self.spec.name, "command": _plainly(self.spec.undrain)})
        said = f"{_ENGLISH.text(fault.code, **fault.values)}. {_ENGLISH.part(fault.code, 'advice', fault.values)}"
        slot.drains = [replace(each, problem=said) for each in slot.drains]
        return fault

    def taken_back(self) -> None:
        """The host has taken the interruption back, and undrained it with that."""
        self._drained = False
        if self._beside is not None and self.left_by is None:
            self._beside.drains = []

    def _make(self, slot: Slot, change: Drain | Undrain) -> Fault | None:
        """Run one of the two; why it failed, without a code of its own."""
        self.emit(Doing(self.session.host, "apply", slot.step.name))
        answers = self.session.apply(self.run, slot.step.name, [change], self.spec)
        values = {"service": self.spec.name, "command": _plainly(change.argv)}
        if isinstance(answers, AgentError):
            self.session.recover()
            return Fault("", {**values, "message": answers.message}, answers.tail)
        answer = answers[0]
        problem = None if answer["made"] else str(answer["problem"])
        record = replace(record_of(change, diff="", problem=problem), made=problem is None)
        slot.drains = [each for each in slot.drains if each.kind != change.kind]
        slot.made.append(record)
        self.emit(ChangeMade(self.session.host, slot.step.name, record))
        if problem is None:
            return None
        if change is self._drain and "taken_back" in answer:
            self._ended_at_once(slot, None if answer["taken_back"] else problem)
        return Fault("", {**values, "message": problem}, tuple(answer.get("tail", ())))

    def _ended_at_once(self, slot: Slot, problem: str | None) -> None:
        """The host has run what ends a drain, right after one that failed; ``problem``: why it could not."""
        if self._undrain is None or self._beside is None:
            return
        record = replace(record_of(self._undrain, diff="", problem=problem), made=problem is None)
        self._beside.drains = [each for each in self._beside.drains if each.kind != "undrain"]
        slot.made.append(record)
        self.emit(ChangeMade(self.session.host, slot.step.name, record))


def _said(argv: Iterable[str]) -> dict[str, str]:
    return {"command": _plainly(list(argv))}


def _plainly(argv: Sequence[str]) -> str:
    from autoglm_fix.launch import plainly  # takes its time, and hardly a service is drained

    return plainly(argv)
