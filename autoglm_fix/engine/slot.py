"""A bound step on its way through a walk: what it looked like, what was made, how it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from autoglm_fix.agent.changes import Change
from autoglm_fix.fixes import Declined
from autoglm_fix.locale import Catalogue

from .bound import BoundStep
from .holding import Hold, is_left_undone
from .look import Look, key
from .results import ChangeRecord, Fault, StepResult, StepStatus, worst_step

_ENGLISH = Catalogue("en")


@dataclass
class Slot:
    """A bound step on its way: how it looked first, how it looks now, what became of it.

    ``shown`` holds the plan that the operator saw; only that, and what a provisional step turns
    into (``unseen`` until the host was asked about it), is ever made. ``earlier`` are changes that
    were made before a deeper look. ``start`` is the service's start that is shown beside this step
    for what others change, or why there is none; ``drains`` are the operator's own commands around
    an interruption.
    """

    step: BoundStep
    first: Look
    now: Look
    records: list[ChangeRecord] = field(default_factory=list)
    made: list[ChangeRecord] = field(default_factory=list)
    earlier: list[ChangeRecord] = field(default_factory=list)
    shown: frozenset[tuple[str, str]] = frozenset()
    unseen: frozenset[tuple[str, str]] = frozenset()
    start: ChangeRecord | Declined | None = None
    drains: list[ChangeRecord] = field(default_factory=list)
    outcome: StepStatus | None = None
    error: Fault | None = None
    spent_s: float = 0.0


def fresh(step: BoundStep, look: Look, spent_s: float = 0.0) -> Slot:
    """A step that has just been looked at for the first time."""
    return Slot(step, look, look, spent_s=spent_s)


def record_of(change: Change, *, diff: str, problem: str | None) -> ChangeRecord:
    """A change as reports show it."""
    return ChangeRecord(
        kind=change.kind,
        target=change.path,
        risk=change.risk,
        undo=change.undo,
        summary=_ENGLISH.part(change.says, "summary", change.values) if change.says else change.kind,
        diff=diff,
        problem=problem,
        code=change.says,
        values=change.values,
    )


def is_open(slot: Slot) -> bool:
    """Whether nothing has been done about it, and something could be."""
    return slot.outcome is None and not slot.now.error and not slot.now.unknown


def makeable(slot: Slot) -> list[Change]:
    """The changes of a slot that were shown, can be made, and have not been tried."""
    if not is_open(slot):
        return []
    hindered = {(record.kind, record.target) for record in slot.records if record.problem}
    wanted = slot.shown - hindered
    return [change for change in slot.now.changes if (change.kind, change.path) in wanted]


def look_again(slot: Slot, look: Look, was_provisional: bool) -> None:
    """Take a later look at a step that has not been carried out yet.

    A provisional step was announced as such: what it turns into may be made as well.
    """
    slot.now = look
    _forget_what_is_not_planned(slot)
    if was_provisional:
        slot.shown |= frozenset((change.kind, change.path) for change in look.changes)
        known = {(record.kind, record.target) for record in slot.records}
        new = [change for change in look.changes if (change.kind, change.path) not in known]
        slot.records += [record_of(change, diff="", problem=None) for change in new]
        slot.unseen |= frozenset((change.kind, change.path) for change in new)


def start_over(slot: Slot, look: Look) -> None:
    """Take a look on which nothing has been done yet for the first one. What was shown stays the most that is made."""
    if slot.outcome is None:
        slot.first = slot.now = look
        _forget_what_is_not_planned(slot)


def hold_back(slot: Slot, hold: Hold) -> None:
    """Leave undone what is planned and held back."""
    if slot.outcome is None:
        slot.now = hold.look(slot.now)
        _forget_what_is_not_planned(slot)
    if isinstance(slot.start, ChangeRecord):
        slot.start = hold.start(slot.start)
    slot.drains = []


def deepened(slot: Slot, look: Look) -> bool:
    """Take a deeper look at a step. Whether it shows anything that is new.

    What was found and made before stays; a step that has failed is not tried a second time.
    """
    known = {key(finding) for finding in (*slot.first.findings, *slot.now.findings)}
    new = tuple(finding for finding in look.findings if key(finding) not in known)
    if slot.outcome in (StepStatus.FAILED, StepStatus.AMBIGUOUS) or not (new or look.error or look.unknown):
        return False
    slot.first, slot.now = replace(look, findings=(*slot.first.findings, *new)), look
    slot.earlier, slot.made = [*slot.earlier, *slot.made], []
    slot.step, slot.outcome, slot.error, slot.shown = look.step, None, None, frozenset()
    return bool(new)


def _forget_what_is_not_planned(slot: Slot) -> None:
    """A change that somebody else has made unnecessary is not one that was not made."""
    planned = {(change.kind, change.path) for change in slot.now.changes}
    slot.records = [record for record in slot.records if (record.kind, record.target) in planned]


def may_differ(slot: Slot) -> bool:
    """Whether a later step's change could bring a fault to light here, or tell what could not be told."""
    return slot.outcome is StepStatus.FIXED or (slot.outcome is None and not slot.now.plan)


def reconsider(slot: Slot, look: Look) -> None:
    """Take a look after a later step's change. What it finds now was shown to nobody, and is left to the next run."""
    hidden = Declined("run.hidden-until-now", {})
    look = replace(look, plan=tuple(replace(each, changes=(), declined=(hidden,)) for each in look.plan))
    if slot.outcome is None:
        slot.first = slot.now = look
    elif look.plan:
        slot.now, slot.outcome = look, StepStatus.UNFIXED


def judge_step(slot: Slot, after: Look, whole: bool) -> None:
    """What became of a step whose changes were made: the diagnostic has the last word."""
    before, slot.now = slot.now, after
    acted = {key(planned.finding) for planned in before.plan if planned.changes}
    known = {key(finding) for finding in before.findings}
    errors = {key(finding) for finding in after.findings if finding.severity == "error"}
    still = {key(finding) for finding in after.findings} & acted
    slot.error = slot.error or after.error
    if slot.error or not whole or still or errors - known:
        slot.outcome = StepStatus.FAILED
        if slot.error is None:
            code = "run.not-cured" if still else "run.new-error"
            slot.error = Fault(code, {"findings": sorted(f"{c} {s}" for c, s in still or errors - known)})
    elif after.unknown:
        slot.outcome = StepStatus.UNKNOWN
        slot.error = Fault("run.unknown", {"reason": after.unknown.reason})
    elif errors:
        slot.outcome = StepStatus.UNFIXED
    else:
        slot.outcome = StepStatus.FIXED


def _status(slot: Slot) -> StepStatus:
    status = slot.outcome or _expected(slot)
    if slot.drains and slot.outcome is None:
        status = worst_step([status, StepStatus.PENDING])
    if isinstance(slot.start, ChangeRecord):
        return worst_step([status, StepStatus.UNFIXED if slot.start.problem else StepStatus.PENDING])
    left = slot.start is not None and is_left_undone(slot.start)
    return worst_step([status, StepStatus.UNFIXED]) if left else status


def _expected(slot: Slot) -> StepStatus:
    """What is to be said of a step about which nothing has been done yet."""
    if slot.now.error:
        return StepStatus.FAILED
    if slot.now.unknown:
        # What an earlier pending change will make readable is not unknown yet.
        return StepStatus.PENDING if slot.now.provisional else StepStatus.UNKNOWN
    possible = {change.path for change in makeable(slot)}
    statuses = [
        StepStatus.PENDING
        if planned.changes and all(change.path in possible for change in planned.changes)
        else StepStatus.UNFIXED
        for planned in slot.now.plan
        # A warning that nothing can be done about is no fault.
        if planned.changes or planned.finding.severity == "error" or any(map(is_left_undone, planned.declined))
    ]
    return worst_step([StepStatus.HEALTHY, *statuses])


def slot_result(slot: Slot, service: str) -> StepResult:
    """The slot as it stands now, as one step's (or one item's) result."""
    status = _status(slot)
    unknown = slot.now.unknown
    error = slot.error or slot.now.error
    if error is None and unknown is not None:
        error = Fault("run.unknown", {"reason": unknown.reason})
    return StepResult(
        play=slot.step.play,
        name=slot.step.name,
        service=service,
        diagnostic=slot.step.diagnostic.name,
        status=status,
        findings=slot.first.findings or slot.now.findings,
        changes=(*slot.earlier, *slot.made, *_not_made(slot)),
        declined=tuple(_declined(slot)),
        remaining=slot.now.findings if slot.outcome is not None else (),
        provisional=slot.now.provisional if slot.outcome is None else None,
        error=error,
        ignored=slot.step.ignore_errors,
        no_log=slot.step.no_log,
        tags=slot.step.tags,
        duration_s=slot.spent_s,
    )


def _not_made(slot: Slot) -> Iterator[ChangeRecord]:
    """What is still to be made, or was never begun."""
    yield from (record for record in slot.drains if record.kind == "drain")
    made = {(record.kind, record.target) for record in slot.made}
    if slot.outcome is None or not slot.made:
        yield from (record for record in slot.records if (record.kind, record.target) not in made)
    if isinstance(slot.start, ChangeRecord):
        yield slot.start
    yield from (record for record in slot.drains if record.kind != "drain")


def _declined(slot: Slot) -> Iterator[Declined]:
    for planned in slot.now.plan:
        yield from planned.declined
    if isinstance(slot.start, Declined):
        yield slot.start


def merged(items: Sequence[StepResult]) -> StepResult:
    """The result of a step over the items of its loop; one item is the step itself."""
    if len(items) == 1:
        return items[0]
    return replace(
        items[0],
        status=worst_step(item.status for item in items),
        findings=tuple(finding for item in items for finding in item.findings),
        changes=tuple(change for item in items for change in item.changes),
        declined=tuple(declined for item in items for declined in item.declined),
        remaining=tuple(finding for item in items for finding in item.remaining),
        provisional=next((item.provisional for item in items if item.provisional), None),
        items=tuple(items),
        error=next((item.error for item in items if item.error), None),
        duration_s=sum(item.duration_s for item in items),
    )
