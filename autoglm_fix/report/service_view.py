"""One service of hosts that ended alike: cause, fix, proof, what is left, and the commands for it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

from autoglm_fix.engine.results import ChangeRecord, Fault, HostResult, HostStatus, StepResult, StepStatus
from autoglm_fix.proof import Proof

from .again import Again
from .lines import Line, Span, Style, cells, labelled, line
from .outcome import BAD, Outcome, left, steps_of, told_alike, waiting
from .proof_view import proof_lines
from .reasons import in_common, names_itself
from .safe import safe_lines
from .words import Advice, Words, duration, interrupts

_LABELS = ("cause", "fix", "plan", "proof", "left", "why", "note")
_SHOWN = 5
_TAIL = 10
_ACTED = (StepStatus.FIXED, StepStatus.PENDING, StepStatus.FAILED, StepStatus.AMBIGUOUS)


class ServiceView:
    """The lines about the services of one group. What has been said once is not said again."""

    def __init__(self, words: Words, again: Again, group: Outcome, *, dry_run: bool, verbosity: int) -> None:
        self._words = words
        self._again = again
        self._group = group
        self._dry_run = dry_run
        self._verbosity = verbosity
        self._labels = {label: words.name("label", label) for label in _LABELS}
        self._width = max(map(cells, self._labels.values()))
        self._last = ""
        self._explained = False
        self._said: set[str] = set()
        self._offered = frozenset(self._asked())

    def host(self) -> Iterator[Line]:
        """What concerns the host as a whole: why it was lost, steps of no service, what was taken back."""
        host = self._group.first
        if host.error is not None:
            told = yield from self._why(host.error)
            advice = self._advised(self._words.hint(told))
            if advice:
                yield self._line("", advice)
        if host.status is HostStatus.UNTOUCHED:
            return
        if host.rollback is not None:
            yield self._line("note", self._words.name("rollback", host.rollback.status))
        if not host.services:
            yield from self._steps(list(steps_of(host)), cause=None)
            yield from self._left(list(steps_of(host)))

    def service(self, name: str) -> Iterator[Line]:
        """Everything about one service."""
        host = self._group.first
        steps = list(steps_of(host, name))
        errors = [finding for step in steps for finding in step.findings if finding.severity == "error"]
        self._explained = not all(finding.consequence for finding in errors)
        # What is left of a step is to be done first, and the proof then asked again.
        advised = (lambda advice: "") if self._unsolved(steps)[0] else self._advised
        yield from self._steps(steps, host.services[name].cause)
        yield from self._interruption(name)
        for index, (_, proof) in enumerate(host.proof):
            if proof.service == name:
                alike = [each.proof[index][1] for each in self._group.results]
                yield from proof_lines(self._words, alike, self._line, advised)
        yield from self._left(steps)
        if self._verbosity:
            yield from self._rest(steps_of(host, name))

    def commands(self) -> list[str]:
        """What to type next about these hosts, each once, with the options of this run; none where nobody knows."""
        again = self._again
        # An advice may name an option alone (`--allow kill`): it does not know the playbook.
        if self._group.first.status in (HostStatus.INTERRUPTED, HostStatus.UNTOUCHED):
            return [again.same(dry_run=self._dry_run)]
        asked = self._asked()
        return [
            again.same(each, dry_run=self._dry_run) if each.startswith("-") else again.completed(each) for each in asked
        ]

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to be done or doubted on these hosts."""
        host = self._group.first
        bad = any(step.status in BAD for step in steps_of(host))
        return not (host.error is not None or bad or any(map(_doubtful, self._proofs())))

    def _asked(self) -> list[str]:
        """The commands as their sentences have them."""
        host, words = self._group.first, self._words
        advices: list[Advice] = []
        if host.error is not None:
            advices.append(words.hint(host.error))
        for name in host.services or (None,):
            bad, _ = self._unsolved(list(steps_of(host, name)))
            for step in bad:
                advices += [each for each in self._advices(step) if each.command][:1]
            if not bad:
                proofs = [proof for proof in self._proofs(name) if _doubtful(proof)]
                hints = [hint for proof in proofs for hint in (words.hint(proof), *map(words.hint, proof.checks))]
                advices += [hint for hint in hints if hint.command][:1]
        return list(dict.fromkeys(advice.command for advice in advices if advice.command))

    def _proofs(self, service: str | None = None) -> list[Proof]:
        return [proof for _, proof in self._group.first.proof if service in (None, proof.service)]

    def _steps(self, steps: Sequence[StepResult], cause: str | None) -> Iterator[Line]:
        yield from self._causes(steps, cause)
        yield from self._changes(steps)
        for step in steps:
            if step.status not in BAD:
                yield from self._notes(step, cause)

    def _causes(self, steps: Sequence[StepResult], cause: str | None) -> Iterator[Line]:
        """What was wrong, as far as it was acted on, and the first ``cause`` in any case."""
        found = [
            finding
            for step in steps
            for finding in step.findings
            if (finding.severity == "error" and step.status in _ACTED) or finding.code == cause
        ]
        if self._explained and not self._verbosity:
            found = [finding for finding in found if not finding.consequence]
        texts = dict.fromkeys((self._words.finding(finding), finding.code) for finding in found)
        for text, code in list(texts)[: None if self._verbosity else _SHOWN]:
            self._said.add(text)
            yield self._line("cause", text, Span(f" ({code})", "faint"))
        yield from self._more(len(texts))

    def _changes(self, steps: Sequence[StepResult]) -> Iterator[Line]:
        """What was changed for it, or would be."""
        every = [(step.status, change) for step in steps for change in step.changes]
        targets = {(change.summary, change.target) for _, change in every}
        words_of = [summary for summary, _ in targets]
        changes = list(
            dict.fromkeys(self._change(status, each, words_of.count(each.summary) > 1) for status, each in every)
        )
        for label, change in changes[: None if self._verbosity else _SHOWN]:
            yield self._line(label, change)
        yield from self._more(len(changes))

    def _notes(self, step: StepResult, cause: str | None) -> Iterator[Line]:
        """What is worth knowing of a step that did not go wrong: its warnings, and what was not done."""
        words = self._words
        for finding in step.findings:
            if finding.severity == "warning" and finding.code != cause:
                yield self._line("note", words.finding(finding), Span(f" ({finding.code})", "faint"))
        for declined in words.distinct(step.declined):
            # What another fix of the step has cured is no news.
            if not step.changes or declined.code.startswith("restart."):
                yield self._line("note", words.refusal(declined))
                if advised := self._advised(words.hint(declined)):
                    yield self._line("", advised)

    def _interruption(self, service: str) -> Iterator[Line]:
        """That callers had to go without the service: how often, for how long, and whether they were led elsewhere."""
        words = self._words
        made = [change for step in steps_of(self._group.first, service) for change in step.changes if change.made]
        times = sum(map(interrupts, made))
        if not times:
            return
        took = [_away_s(host, service) for host in self._group.results]
        away = [seconds for seconds in took if seconds is not None]
        shortest, longest = (duration(min(away)), duration(max(away))) if away else ("", "")
        for_how_long = shortest if shortest == longest else words.say("report.from-to", first=shortest, last=longest)
        said = [words.count("report.interrupted-for" if away else "report.interrupted", times, duration=for_how_long)]
        kinds = {change.kind for change in made}
        if "drain" in kinds:
            said.append(words.say("report.drained" if "undrain" in kinds else "report.still-drained"))
        yield self._line("note", words.joined(said))

    def _change(self, status: StepStatus, change: ChangeRecord, path: bool) -> tuple[str, Span]:
        words = self._words
        said = words.change(change, path=path or self._verbosity > 0)
        if change.problem is not None:
            return "fix", Span(words.say("report.change-problem", change=said, problem=change.problem), "bad")
        if self._dry_run:
            return "plan", Span(words.say("report.change-pending", change=said))
        code = "report.change-made" if change.made else "report.change-not-made"
        if not change.made and status is StepStatus.AMBIGUOUS:
            code = "report.change-under-way"
        return "fix", Span(words.say(code, change=said))

    def _left(self, steps: Sequence[StepResult]) -> Iterator[Line]:
        unsolved, waits = self._unsolved(steps)
        for steps_alike in told_alike(unsolved):
            yield from self._about(*steps_alike)
        if waits:
            yield self._line("left", Span(self._words.waiting(waits), "faint"))

    def _unsolved(self, steps: Sequence[StepResult]) -> tuple[list[StepResult], list[StepResult]]:
        """The steps that something is left of, and those that only wait for one of them."""
        bad = [step for step in steps if step.status in BAD]
        waits = [step for number, step in enumerate(steps) if waiting(step, steps[:number])]
        return [step for step in bad if step not in waits], waits

    def _about(self, step: StepResult, *others: StepResult) -> Iterator[Line]:
        """What is left of a step, and of others of which the same is to be said."""
        words = self._words
        self._last = ""
        for each in (step, *others):
            status = words.name("step", each.status.value)
            ignored = words.say("report.ignored") if each.ignored else ""
            yield self._line("left", Span(status, _style(each)), words.colon, each.name, Span(ignored, "faint"))
        # That it does not run is a consequence: where something else is at fault, the reason below says enough.
        brief = step.status is StepStatus.UNFIXED and self._explained and not self._verbosity
        shown = [finding for finding in left(step) if not (brief and finding.consequence)]
        found = dict.fromkeys((words.finding(finding), finding.code) for finding in shown)
        said = [(text, code) for text, code in found if text not in self._said]
        for text, code in said[: None if self._verbosity else _SHOWN]:
            yield self._line("", text, Span(f" ({code})", "faint"))
        yield from self._more(len(said))
        for reason, _ in words.refusals(step.declined):
            yield self._line("why", reason)
        if step.error is not None:
            yield from self._fault(step.error)
        elif step.status is StepStatus.UNFIXED and not step.declined and not step.changes:
            yield self._line("why", words.say("report.no-fix"))
        for text in dict.fromkeys(map(self._advised, self._advices(step))):
            yield self._line("", text)

    @property
    def example(self) -> str | None:
        """The host that is shown where errors of hosts with one reason differ in what they name; None where none do."""
        errors = [each.error for each in self._group.results]
        return None if all(error == errors[0] for error in errors) else self._group.first.name

    def _why(self, fault: Fault) -> Generator[Line, None, Fault]:
        """What is true of all of these hosts, and what one of them adds to it. What advice is to be given about."""
        words, results = self._words, self._group.results
        shared = in_common({each.name: each.error for each in results if each.error is not None})
        yield self._line("why", Span(words.fault(shared), "bad"))
        alike = names_itself(fault, shared)
        one_says = any(each.error is not None and each.error.tail != fault.tail for each in results)
        if one_says or not alike:
            own = "" if alike else words.fault(fault)
            said = words.say("report.for-example", host=self._group.first.name)
            yield self._line("", said, own and words.colon, own)
        yield from self._tail(fault)
        return shared if alike else fault

    def _fault(self, fault: Fault) -> Iterator[Line]:
        yield self._line("why", Span(self._words.fault(fault), "bad"))
        yield from self._tail(fault)

    def _tail(self, fault: Fault) -> Iterator[Line]:
        said = [shown for each in fault.tail for shown in safe_lines(each)]
        for text in said[-_TAIL:]:
            yield line(Span(f"| {text}", "faint"), indent=2 + self._width + 2, whole=True)

    def _advices(self, step: StepResult) -> list[Advice]:
        """What to do about a step: advice without a command, and the first with one.

        An error knows best; then a fix that declined, for what it was to mend has been tried.
        """
        words = self._words
        faults = [] if step.error is None else [step.error]
        # What keeps a change from being made comes before what would have to be changed.
        for each in step.changes:
            if each.problem and each.hint:
                values = {"target": each.target, "message": each.problem, "hint": each.hint}
                faults.append(Fault("run.change-failed", values))
        error = list(map(words.hint, faults))
        declined = [advice for _, advice in words.refusals(step.declined)]
        found = [words.advice(finding) for finding in left(step)]
        every = [[advice for advice in each if advice.text] for each in (error, declined, found)]
        if self._verbosity:
            return [advice for each in every for advice in each]
        best = next(filter(None, every), [])
        first = next((advice for advice in best if advice.command), None)
        return [advice for advice in best if advice.command is None or advice is first]

    def _advised(self, advice: Advice) -> str:
        """The sentence of an advice; a command at its end is left to the last lines where it stands there."""
        return self._again.completed_in(advice.lead if advice.command in self._offered else advice.text)

    def _rest(self, steps: Iterable[StepResult]) -> Iterator[Line]:
        for step in steps:
            if step.status in (StepStatus.HEALTHY, StepStatus.SKIPPED):
                yield self._line(
                    "", Span(self._words.name("step", step.status.value), "faint"), self._words.colon, step.name
                )

    def _more(self, total: int) -> Iterator[Line]:
        if total > _SHOWN and not self._verbosity:
            yield self._line("", Span(self._words.count("report.more", total - _SHOWN), "faint"))

    def _line(self, label: str, *parts: str | Span) -> Line:
        """A line under its label; the label stands once over lines of its kind."""
        shown = "" if label == self._last else self._labels.get(label, "")
        self._last = label or self._last
        return labelled(shown, self._width, *parts, indent=2)


def _away_s(host: HostResult, service: str) -> float | None:
    """How long it took to make what interrupts a service of a host; None where that is not known."""
    changes = [change for step in steps_of(host, service) for change in step.changes]
    took = [change.took_s for change in changes if change.made and interrupts(change)]
    known = [seconds for seconds in took if seconds is not None]
    return sum(known) if known and len(known) == len(took) else None


def _doubtful(proof: Proof) -> bool:
    return proof.status in ("failed", "unproved")


def _style(step: StepResult) -> Style:
    return "warn" if step.ignored or step.status is StepStatus.UNKNOWN else "bad"
