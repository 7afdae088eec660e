"""One service of hosts that ended alike: cause, fix, proof, what is left, and the command for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from autoglm_fix.engine.results import ChangeRecord, Fault, HostStatus, StepResult, StepStatus
from autoglm_fix.proof import Check, Proof

from .again import Again
from .lines import Line, Span, Style, cells, labelled, line
from .outcome import BAD, Outcome, left, steps_of
from .proof_view import proof_lines
from .safe import safe_lines
from .words import Advice, Words

_LABELS = ("cause", "fix", "plan", "proof", "left", "why", "note", "next")
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
        self._said: set[str] = set()

    def host(self) -> Iterator[Line]:
        """What concerns the host as a whole: why it was lost, steps of no service, what was taken back."""
        host = self._group.first
        if host.error is not None:
            yield from self._fault(host.error)
        if host.rollback is not None:
            yield self._line("note", self._words.name("rollback", host.rollback.status))
        if not host.services:
            yield from self._steps(list(steps_of(host)), cause=None)
            yield from self._left([step for step in steps_of(host) if step.status in BAD])
        if host.error is not None:
            yield from self._next(self._words.hint(host.error).command)
        elif host.status in (HostStatus.INTERRUPTED, HostStatus.UNTOUCHED):
            yield from self._next(self._again.run())

    def service(self, name: str) -> Iterator[Line]:
        """Everything about one service."""
        host = self._group.first
        yield from self._steps(list(steps_of(host, name)), host.services[name].cause)
        for index, (_, proof) in enumerate(host.proof):
            if proof.service == name:
                alike = [each.proof[index][1] for each in self._group.results]
                yield from proof_lines(self._words, alike, self._line)
        bad = [step for step in steps_of(host, name) if step.status in BAD]
        yield from self._left(bad)
        if not bad:
            yield from self._after([proof for _, proof in host.proof if proof.service == name])
        if self._verbosity:
            yield from self._rest(steps_of(host, name))

    def _after(self, proofs: Sequence[Proof]) -> Iterator[Line]:
        """The command for a proof that did not come off though no step is left over."""
        if not any(proof.status in ("failed", "unproved") for proof in proofs):
            return
        said: list[Proof | Check] = []
        for proof in proofs:
            said += [proof, *proof.checks]
        yield from self._next(next(filter(None, (self._words.hint(each).command for each in said)), None))

    def _steps(self, steps: Sequence[StepResult], cause: str | None) -> Iterator[Line]:
        words = self._words
        found = [
            finding
            for step in steps
            for finding in step.findings
            if finding.severity == "error" and (step.status in _ACTED or finding.code == cause)
        ]
        texts = dict.fromkeys((words.finding(finding), finding.code) for finding in found)
        for text, code in list(texts)[: None if self._verbosity else _SHOWN]:
            self._said.add(text)
            yield self._line("cause", text, Span(f" ({code})", "faint"))
        yield from self._more("cause", len(texts))
        changes = [self._change(change) for step in steps for change in step.changes]
        changes = list(dict.fromkeys(changes))
        for label, change in changes[: None if self._verbosity else _SHOWN]:
            yield self._line(label, change)
        yield from self._more("fix", len(changes))
        for step in steps:
            for finding in step.findings:
                if finding.severity == "warning" and step.status not in BAD:
                    yield self._line("note", words.finding(finding), Span(f" ({finding.code})", "faint"))

    def _change(self, change: ChangeRecord) -> tuple[str, Span]:
        words = self._words
        said = words.say("report.change", summary=change.summary, target=change.target)
        if change.problem is not None:
            return "fix", Span(words.say("report.change-problem", change=said, problem=change.problem), "bad")
        if self._dry_run:
            return "plan", Span(words.say("report.change-pending", change=said))
        code = "report.change-made" if change.made else "report.change-not-made"
        return "fix", Span(words.say(code, change=said))

    def _left(self, steps: Sequence[StepResult]) -> Iterator[Line]:
        commands = []
        for step in steps:
            yield from self._unsolved(step)
            commands.append(self._command(step))
        # One command for a step; the same one is not offered twice in a row.
        for command in dict.fromkeys(commands):
            yield from self._next(command)

    def _unsolved(self, step: StepResult) -> Iterator[Line]:
        words = self._words
        status = words.name("step", step.status.value)
        ignored = words.say("report.ignored") if step.ignored else ""
        self._last = ""
        yield self._line("left", Span(status, _style(step)), words.colon, step.name, Span(ignored, "faint"))
        found = dict.fromkeys((words.finding(finding), finding.code) for finding in left(step))
        said = [(text, code) for text, code in found if text not in self._said]
        for text, code in said[: None if self._verbosity else _SHOWN]:
            yield self._line("", text, Span(f" ({code})", "faint"))
        yield from self._more("", len(said))
        for reason in dict.fromkeys(words.declined(each) for each in step.declined):
            yield self._line("why", reason)
        if step.error is not None:
            yield from self._fault(step.error)
        elif step.status is StepStatus.UNFIXED and not step.declined and not step.changes:
            yield self._line("why", words.say("report.no-fix"))
        for advice in self._distinct(self._advices(step)):
            yield self._line("", advice.text)

    def _fault(self, fault: Fault) -> Iterator[Line]:
        yield self._line("why", Span(self._words.fault(fault), "bad"))
        said = [shown for each in fault.tail for shown in safe_lines(each)]
        for text in said[-_TAIL:]:
            yield line(Span(f"| {text}", "faint"), indent=2 + self._width + 2, whole=True)

    def _advices(self, step: StepResult) -> list[Advice]:
        words = self._words
        found = [words.advice(finding) for finding in left(step)] + [words.hint(each) for each in step.declined]
        return found if step.error is None else [words.hint(step.error), *found]

    def _distinct(self, advices: Iterable[Advice]) -> list[Advice]:
        """One advice for each command, and for each text without one."""
        first: dict[str, Advice] = {}
        for advice in advices:
            if advice.text:
                first.setdefault(advice.command or advice.text, advice)
        return list(first.values())

    def _command(self, step: StepResult) -> str | None:
        return next((advice.command for advice in self._advices(step) if advice.command), None)

    def _next(self, command: str | None) -> Iterator[Line]:
        if command is None:
            command = self._again.look(self._group.hosts)
        elif command.startswith("-"):
            # An advice may name an option alone (`--allow kill`): it does not know the playbook.
            command = f"{self._again.run()} {command}"
        command = self._again.completed(command)
        label = "" if self._last == "next" else self._labels["next"]
        self._last = "next"
        yield labelled(label, self._width, Span(command, "strong"), indent=2, whole=True)

    def _rest(self, steps: Iterable[StepResult]) -> Iterator[Line]:
        for step in steps:
            if step.status in (StepStatus.HEALTHY, StepStatus.SKIPPED):
                yield self._line(
                    "", Span(self._words.name("step", step.status.value), "faint"), self._words.colon, step.name
                )

    def _more(self, label: str, total: int) -> Iterator[Line]:
        if total > _SHOWN and not self._verbosity:
            yield self._line("", Span(self._words.count("report.more", total - _SHOWN), "faint"))

    def _line(self, label: str, *parts: str | Span) -> Line:
        """A line under its label; the label stands once over lines of its kind."""
        shown = "" if label == self._last else self._labels.get(label, "")
        self._last = label or self._last
        return labelled(shown, self._width, *parts, indent=2)


def _style(step: StepResult) -> Style:
    return "warn" if step.ignored or step.status is StepStatus.UNKNOWN else "bad"
