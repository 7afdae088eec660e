"""Looking at a step: facts to findings to a plan, as a pure conversation with whoever has the facts.

A look is a generator: it yields the facts it wants and is sent what is known, so that the looks of
many steps share each exchange with the host, and a test needs no host at all.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from autoglm_fix.agent.changes import Change, to_wire
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.diagnostics import Finding
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.together import Together

from .bound import BoundFix, BoundStep
from .gather import Broken, Facts, Known, Want, wants
from .results import Fault

# A link can reveal a folder whose own faults need links; nobody nests deeper than this.
_LEVELS = 4

Looking = Generator[Iterable[Want], Known, "Look"]


@dataclass(frozen=True)
class Planned:
    """What is planned for one finding: changes, or the reasons why there are none."""

    finding: Finding
    changes: tuple[Change, ...]
    declined: tuple[Declined, ...]


@dataclass(frozen=True)
class Look:
    """What one step found, and would do."""

    step: BoundStep
    findings: tuple[Finding, ...] = ()
    plan: tuple[Planned, ...] = ()
    reads: tuple[str, ...] = ()
    provisional: str | None = None
    unknown: Unknown | None = None
    error: Fault | None = None

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The planned changes in order, each once."""
        unique = {str(to_wire(change)): change for planned in self.plan for change in planned.changes}
        return tuple(unique.values())

    @cached_property
    def links(self) -> dict[str, str]:
        """The links among the changes: what later looks can already see through."""
        return {wire["path"]: wire["to"] for wire in map(to_wire, self.changes) if wire["kind"] == "link"}


class _Stop(Exception):
    """A look that cannot go on, with what it says instead."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look


def look_at(step: BoundStep, pending: Mapping[str, str]) -> Looking:
    """Diagnose and plan one step. ``pending`` are links that earlier steps would make.

    Where the plan makes a link, the step looks again through it, so that one dry-run shows what lies
    behind. Never raises: a bug in a diagnostic or fix ends as the look's ``error``.
    """
    try:
        return (yield from _look(step, dict(pending)))
    except _Stop as stop:
        return stop.look
    except Exception as err:
        tail = tuple(traceback.format_exc().splitlines()[-10:])
        return Look(step, error=Fault("run.bug", {"what": step.diagnostic.name, "message": repr(err)}, tail))


def _look(step: BoundStep, pending: dict[str, str]) -> Looking:
    look = Look(step)
    for _ in range(_LEVELS):
        known = yield from _facts(look, pending)
        found = tuple(step.diagnostic.function(*known.values(), **step.options))
        seen = {key(finding) for finding in look.findings}
        fresh = tuple(finding for finding in found if key(finding) not in seen)
        reads = tuple(path for fact in known.values() for path in getattr(fact, "reads", ()))
        look = replace(look, findings=look.findings + fresh, reads=look.reads + reads)
        if not any(finding.severity == "error" for finding in look.findings):
            # What could not be read may hold an error.
            look = replace(look, unknown=next((fact for fact in known.values() if isinstance(fact, Unknown)), None))
        plan = yield from _plan(look, [finding for finding in fresh if step.acts_on(finding)], pending)
        look = replace(look, plan=look.plan + tuple(plan))
        if look.links.items() <= pending.items():
            break
        pending = {**pending, **look.links}
    return look


def _facts(look: Look, pending: Mapping[str, str]) -> Generator[Iterable[Want], Known, dict[str, Any]]:
    step = look.step
    wanted = wants(step.diagnostic.signature, step.options, pending, step.patience)
    known = yield wanted.values()
    facts = {name: known[want] for name, want in wanted.items()}
    for name, fact in facts.items():
        if isinstance(fact, Unknown) and name not in step.diagnostic.signature.may_lack:
            raise _Stop(replace(look, unknown=fact))
        if isinstance(fact, Broken):
            fault = Fault("run.bug", {"what": step.diagnostic.name, "message": fact.message}, fact.tail)
            raise _Stop(replace(look, error=fault))
    return facts


def _plan(
    look: Look, findings: Sequence[Finding], pending: Mapping[str, str]
) -> Generator[Iterable[Want], Known, list[Planned]]:
    plan = []
    for finding in findings:
        declined: list[Declined] = []
        changes: list[Change] = []
        for bound in look.step.fixes:
            if changes or not isinstance(finding, bound.fix.cures):
                continue
            for offer in (yield from _offers(look, bound, finding, Together(tuple(findings)), pending)):
                if isinstance(offer, Declined):
                    declined.append(offer)
                elif look.step.permits(offer):
                    changes.append(offer)
                else:
                    declined.append(refused(offer))
        plan.append(Planned(finding, tuple(changes), tuple(declined)))
    return plan


def _offers(
    look: Look, bound: BoundFix, finding: Finding, together: Together, pending: Mapping[str, str]
) -> Generator[Iterable[Want], Known, list[Change | Declined]]:
    # What the diagnostic was told to look at is what its fix looks at, unless that is told otherwise.
    wanted = wants(bound.fix.signature, {**look.step.options, **bound.options}, pending, look.step.patience)
    known = yield wanted.values()
    facts = {name: known[want] for name, want in wanted.items()}
    for name, fact in facts.items():
        if isinstance(fact, Unknown) and name not in bound.fix.signature.may_lack:
            return [Declined("run.fact-unknown", {"fix": bound.fix.name, "reason": fact.reason})]
        if isinstance(fact, Broken):
            fault = Fault("run.bug", {"what": bound.fix.name, "message": fact.message}, fact.tail)
            raise _Stop(replace(look, error=fault))
    beside = {name: together for name, kind in bound.fix.signature.collaborators.items() if kind is Together}
    return list(bound.fix.function(finding, **facts, **bound.collaborators, **beside, **bound.options))


def refused(change: Change) -> Declined:
    """Why a change is not made that the play does not permit."""
    code = "run.denied" if change.risk == "restart" else "run.not-allowed"
    return Declined(code, {"kind": change.kind, "changes": said([change])})


def said(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Changes as the sentence of a reason names them."""
    return [{"code": change.says, "values": change.values} for change in changes]


def key(finding: Finding) -> tuple[str, str]:
    """What makes two findings the same one across looks."""
    return (finding.code, finding.subject)


def look_at_all(steps: Sequence[BoundStep], facts: Facts, before: Sequence[Look] = ()) -> list[Look]:
    """The looks of steps in their order, with as few exchanges as their references allow.

    Each later step sees the links that earlier ones would make (``before`` are looks of earlier
    steps, whose changes are pending too), and is marked provisional where an earlier pending change
    touches what it read.
    """
    links = {path: to for look in before for path, to in look.links.items()}
    linked_by = next((look.step.name for look in before if look.links), None)
    looks = _together([look_at(step, links) for step in steps], facts)
    for index, look in enumerate(looks):
        earlier = [*before, *looks[:index]]
        looks[index] = replace(look, provisional=linked_by or _waits_for(look, earlier))
        if not look.links.items() <= links.items():
            links.update(look.links)
            linked_by = linked_by or look.step.name
            later = steps[index + 1 :]
            looks[index + 1 :] = _together([look_at(step, links) for step in later], facts)
    return looks


def _together(looking: list[Looking], facts: Facts) -> list[Look]:
    done: dict[int, Look] = {}
    asked: dict[int, Iterable[Want]] = {}
    for index, generator in enumerate(looking):
        _advance(index, generator, None, asked, done)
    while asked:
        known = facts.gather(want for wanted in asked.values() for want in wanted)
        for index in list(asked):
            _advance(index, looking[index], known, asked, done)
    return [done[index] for index in range(len(looking))]


def _advance(
    index: int, generator: Looking, known: Known | None, asked: dict[int, Iterable[Want]], done: dict[int, Look]
) -> None:
    try:
        # A fresh generator can only be sent None.
        asked[index] = list(next(generator) if known is None else generator.send(known))
    except StopIteration as stop:
        asked.pop(index, None)
        done[index] = stop.value


def _waits_for(look: Look, earlier: Sequence[Look]) -> str | None:
    """The first earlier step with a pending change that this one's facts rest on; any, where they could not be read."""
    for each in earlier:
        if rests_on(look, [change.path for change in each.changes]) or (look.unknown and each.changes):
            return each.step.name
    return None


def rests_on(look: Look, changed: Iterable[str]) -> bool:
    """Whether one of the changed paths is, holds, or lies in something that this look's facts were read from."""
    return touches(look.reads, changed)


def touches(reads: Iterable[str], changed: Iterable[str]) -> bool:
    """Whether one of the changed paths is, holds, or lies in something that was read.

    A fact that rests on all that is below a folder says so by a "/" at the end.
    """
    paths = list(changed)
    return any(
        path == each or path.startswith(each.rstrip("/") + "/") or (path.endswith("/") and each.startswith(path))
        for path in reads
        for each in paths
    )
