"""The plan as people read it before they say yes: each distinct one once, with the hosts it is for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from autoglm_fix.engine.events import HostPlan
from autoglm_fix.engine.results import ChangeRecord, StepResult, StepStatus

from .lines import Line, Span, Style, diff_lines, labelled, line
from .outcome import alike, parts, told_alike, waiting
from .reasons import Alike
from .words import Words, amount, interrupts

_FOLDED = 6
# So many distinct plans are shown with their findings and diffs, the others by their changes alone.
_FULL = 6
# More distinct plans than these, and hosts are put together whose plans are of one kind.
_DISTINCT = 20
_RISK: dict[str, Style] = {"safe": "good", "restart": "warn"}
_SEVERITY: dict[str, Style] = {"error": "bad", "warning": "warn", "info": "faint"}


class PlanView:
    """The lines of a folded plan. ``whole`` shows every line of every diff, ``total`` counts at the end."""

    def __init__(self, words: Words, *, whole: bool, total: bool = True, verbosity: int = 0) -> None:
        self._words = words
        self._whole = whole
        self._total = total
        self._verbosity = verbosity
        self._sharing: dict[str, list[str]] = {}

    def lines(
        self,
        plans: Sequence[HostPlan],
        *,
        deeper: bool = False,
        batches: Sequence[Sequence[str]] = (),
        most_out: int | str = 1,
    ) -> Iterator[Line]:
        """All plans, identical ones once, those of the most hosts first; hosts without a step have none.

        Hosts are changed in ``batches``, and ``most_out`` replicas of one model are out at once.
        """
        plans = [plan for plan in plans if plan.steps]
        say = self._words.say
        self._sharing = _sharing(plans)
        if deeper:
            yield line(Span(say("report.plan-deeper"), "strong"))
        idle = []
        shown = 0
        for group in self._groups(plans):
            hosts = [plan.host for plan in group]
            steps = [part for step in group[0].steps for part in parts(step)]
            if not any(_speaks(step, self._verbosity) for step in steps):
                idle += hosts
                continue
            yield line(Span(say("report.plan-for", hosts=self._words.hosts(hosts)), "strong"))
            yield from self._steps(steps) if shown < _FULL or self._whole or self._verbosity else self._brief(steps)
            if any(likeness(plan) != likeness(group[0]) for plan in group):
                yield line(Span(say("report.plan-differ", host=hosts[0]), "faint"), indent=2)
            shown += 1
        if idle:
            yield line(say("report.plan-idle", hosts=self._words.hosts(idle)))
        if shown > _FULL and not (self._whole or self._verbosity):
            yield line(Span(say("report.plan-brief"), "faint"))
        if self._total and len(idle) < len(plans):
            yield line(self._count(plans))
        yield from self._moved(plans)
        yield from self._interrupted(plans, most_out)
        yield from self._order(batches)

    def _groups(self, plans: Sequence[HostPlan]) -> list[list[HostPlan]]:
        """The plans that are one; of too many, those of one kind, beginning with what comes in most variants.

        The kind is that of which the first batch holds one host: whatever is folded here is tried out there.
        """
        same: dict[Hashable, list[HostPlan]] = {}
        for plan in plans:
            same.setdefault(likeness(plan), []).append(plan)
        groups = list(same.values())
        if len(groups) > _DISTINCT and not self._verbosity:
            groups = _folded(groups)
        return sorted(groups, key=len, reverse=True)

    def _brief(self, steps: Sequence[StepResult]) -> Iterator[Line]:
        """A line for each change, and for each step that has none."""
        for step in steps:
            for change in step.changes:
                risk = Span(self._words.risk(change), _risk_style(change))
                yield line(self._words.what(change), "  ", risk, indent=4)
            if not step.changes and _speaks(step, self._verbosity):
                status = self._words.name("step", step.status.value)
                yield line(Span(status, "bad"), self._words.colon, step.name, indent=4)

    def _order(self, batches: Sequence[Sequence[str]]) -> Iterator[Line]:
        """Who comes first, where not all come at once."""
        if len(batches) > 1:
            left = sum(map(len, batches[1:]))
            then = self._words.count(
                "report.plan-then", len(batches) - 1, hosts=self._words.count("report.hosts", left)
            )
            yield line(self._words.say("report.plan-first", hosts=self._words.hosts(batches[0]), then=then))

    def _steps(self, steps: Sequence[StepResult]) -> Iterator[Line]:
        waits = [step for number, step in enumerate(steps) if waiting(step, steps[:number])]
        for group in told_alike(step for step in steps if step not in waits or self._verbosity):
            for step in group[:-1]:
                yield self._head(step)
            yield from self.step(group[-1])
        if waits and not self._verbosity:
            yield line(Span(self._words.waiting(waits), "faint"), indent=2)

    def _head(self, step: StepResult) -> Line:
        place = f" [{step.service}]" if step.service else ""
        return line(Span(step.name, "place"), Span(place, "faint"), indent=2)

    def step(self, step: StepResult) -> Iterator[Line]:
        """One step: what was found, what would be done about it, and why not more."""
        if not _speaks(step, self._verbosity):
            return
        words = self._words
        yield self._head(step)
        width = max(len(severity) for severity in _SEVERITY)
        if step.provisional is not None:
            yield line(Span(words.say("report.provisional", step=step.provisional), "faint"), indent=4)
        for finding in step.findings:
            if finding.severity != "info" or self._verbosity:
                severity = words.name("severity", finding.severity)
                code = Span(f" ({finding.code})", "faint")
                style = _SEVERITY[finding.severity]
                yield labelled(severity, width, words.finding(finding), code, indent=4, style=style)
        for number, change in enumerate(step.changes, 1):
            yield from self._change(number, change)
        # The first reason says what to do: those of fixes further down the list have much the same advice.
        for number, declined in enumerate(words.distinct(step.declined)):
            yield line(Span(words.refusal(declined), "faint"), indent=4)
            advice = words.hint(declined)
            if advice.lead and not number:
                yield line(advice.lead, indent=6)
        if step.error is not None:
            status = Span(words.name("step", step.status.value), "bad")
            yield line(status, words.colon, words.fault(step.error), indent=4)

    def _change(self, number: int, change: ChangeRecord) -> Iterator[Line]:
        words = self._words
        undo: Style = "bad" if change.undo == "none" else "faint"
        yield labelled(
            f"{number}.",
            2,
            words.what(change),
            "  ",
            Span(words.risk(change), _risk_style(change)),
            words.comma,
            Span(words.name("undo", change.undo), undo),
            indent=4,
        )
        shown, folded = diff_lines(change.diff, 8, None if self._whole else _FOLDED)
        target = line(Span(change.target, "faint"), indent=8, whole=True)
        if not any(target.plain.strip() in each.plain for each in shown):
            yield target
        sharing = self._sharing.get(change.shared, [])
        if change.shared and len(sharing) > 1:
            yield line(Span(words.say("report.plan-shared", hosts=words.hosts(sharing)), "faint"), indent=8)
        if change.problem is not None:
            yield line(Span(words.say("report.cannot", problem=change.problem), "bad"), indent=8)
        yield from shown
        if folded:
            yield line(Span(words.count("report.folded", folded), "faint"), indent=8)

    def _moved(self, plans: Sequence[HostPlan]) -> Iterator[Line]:
        """How many bytes are fetched, by each host and in all: what hosts share is fetched once."""
        hosts = [sum(size for _, size in _fetches(plan)) for plan in plans]
        moving = [size for size in hosts if size]
        if moving:
            once = dict(each for plan in plans for each in _fetches(plan))
            most, total = amount(max(moving), "bytes"), amount(sum(once.values()), "bytes")
            said = self._words.say("report.plan-bytes", total=total, most=most)
            yield line(Span(said, "warn"))

    def _interrupted(self, plans: Sequence[HostPlan], most_out: int | str) -> Iterator[Line]:
        services = [name for plan in plans for name in _interrupted(plan)]
        if services:
            names = self._words.joined(dict.fromkeys(services))
            said = self._words.count("report.plan-interrupts", len(services), services=names, most=most_out)
            yield line(Span(said, "warn"))

    def _count(self, plans: Sequence[HostPlan]) -> str:
        words = self._words
        hosts = sum(1 for plan in plans if _changes(plan))
        changes = sum(_changes(plan) for plan in plans)
        if not changes:
            return words.say("report.plan-none", hosts=words.count("report.hosts", len(plans)))
        return words.say(
            "report.plan-total",
            changes=words.count("report.changes", changes),
            hosts=words.count("report.hosts", hosts),
        )


def _risk_style(change: ChangeRecord) -> Style:
    calm = change.kind == "restart" and not interrupts(change)
    return "good" if calm else _RISK.get(change.risk, "bad")


def _changes(plan: HostPlan) -> int:
    return sum(len(part.changes) for step in plan.steps for part in parts(step))


def _interrupted(plan: HostPlan) -> Iterable[str]:
    """The services of a host that would be away for a while."""
    changes = [(part.service, change) for step in plan.steps for part in parts(step) for change in part.changes]
    return dict.fromkeys(service for service, change in changes if interrupts(change) and change.problem is None)


def _sharing(plans: Sequence[HostPlan]) -> dict[str, list[str]]:
    """The hosts that would change the same thing, by the name that it has on all of them."""
    found: dict[str, list[str]] = {}
    for plan in plans:
        changes = [change for step in plan.steps for part in parts(step) for change in part.changes]
        for key in dict.fromkeys(change.shared for change in changes if change.shared):
            found.setdefault(key, []).append(plan.host)
    return found


def _fetches(plan: HostPlan) -> Iterator[tuple[tuple[str, str], int]]:
    """What a host is going to fetch: what tells it from what another host fetches, and its size in bytes."""
    for step in plan.steps:
        for change in (change for part in parts(step) for change in part.changes):
            if change.size and not change.made and change.problem is None:
                own = ("", change.shared) if change.shared else (plan.host, change.target)
                yield own, change.size


def _speaks(step: StepResult, verbosity: int) -> bool:
    if step.status is StepStatus.SKIPPED:
        return False
    loud = any(finding.severity != "info" for finding in step.findings)
    return bool(verbosity or loud or step.changes or step.declined or step.error)


def _folded(groups: Sequence[list[HostPlan]]) -> list[list[HostPlan]]:
    """Few enough groups, as far as kinds allow: what comes in few variants only keeps all that is said of it."""
    kinds: dict[Hashable, list[list[HostPlan]]] = {}
    for group in groups:
        kinds.setdefault(group[0].kind, []).append(group)
    found: list[list[HostPlan]] = []
    many = len(groups)
    for variants in sorted(kinds.values(), key=len, reverse=True):
        if many > _DISTINCT:
            many -= len(variants) - 1
            found.append([plan for group in variants for plan in group])
        else:
            found += variants
    return found


def likeness(plan: HostPlan) -> Hashable:
    """Plans are one where a yes to one is a yes to all: the same findings, changes and bytes."""
    return tuple(
        (
            alike(part, Alike.WHOLLY, plan.host),
            tuple((each.summary, each.risk, each.undo, each.diff, each.problem) for each in part.changes),
        )
        for step in plan.steps
        for part in parts(step)
    )
