"""Results as they happen, a line each; on a large fleet the first of each kind, the rest in the summary."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Hashable, Iterator

from autoglm_fix.engine.events import (
    ChangeMade,
    Doing,
    Event,
    HostDone,
    HostLost,
    LogLine,
    PlansReady,
    Progress,
    ProofDone,
    PutBack,
    RunStarted,
    StepDone,
)
from autoglm_fix.engine.results import StepStatus

from .flights import WAITING, Flights, progress
from .lines import Line, Span, Style, line
from .summary import STATUS_STYLE
from .words import Words, duration, shortened

_FEW = 20
_ANSWER = 80
_LONG_S = 5.0
_WAITED_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_QUIET = (StepStatus.HEALTHY, StepStatus.SKIPPED, StepStatus.PENDING)
_STEP: dict[StepStatus, Style] = {StepStatus.FIXED: "good", StepStatus.UNKNOWN: "warn", StepStatus.PENDING: "warn"}


class Happening:
    """Turns events into lines. ``live`` says that a live region shows who is at work anyway."""

    def __init__(
        self, words: Words, flights: Flights, clock: Callable[[], float], *, verbosity: int, live: bool
    ) -> None:
        self._words = words
        self._flights = flights
        self._clock = clock
        self._verbosity = verbosity
        self._live = live
        self._hosts = 0
        self._done = 0
        self._paths = verbosity > 0
        self._seen: set[Hashable] = set()

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines for one event, mostly none."""
        if isinstance(event, RunStarted):
            self._hosts = len(event.hosts)
            code = "report.started-dry-run" if event.dry_run else "report.started"
            said = self._words.say(code, playbook=event.playbook, hosts=self._words.hosts(event.hosts))
            yield line(Span(said, "strong"), Span(f"  [{event.run}]", "faint"))
        elif isinstance(event, PlansReady):
            # Changes of several services may share their words: only the path tells them apart.
            self._paths |= len({step.service for plan in event.plans for step in plan.steps}) > 1
        elif isinstance(event, Progress):
            yield from self._progress(event)
        elif isinstance(event, (Doing, LogLine)):
            if self._verbosity:
                yield self._about(event.host, self._aside(event))
        elif isinstance(event, PutBack):
            for path in event.paths:
                yield self._about(event.host, Span(self._words.say("report.now-put-back", path=path), "warn"))
        elif isinstance(event, HostDone):
            yield from self._finished(event)
        elif isinstance(event, (ChangeMade, StepDone, ProofDone, HostLost)):
            yield from self._result(event)

    def _aside(self, event: Doing | LogLine) -> Span:
        if isinstance(event, LogLine):
            return Span(event.line, "faint")
        return Span(f"{self._words.name('phase', event.phase)} {event.what}", "faint")

    def _result(self, event: ChangeMade | StepDone | ProofDone | HostLost) -> Iterator[Line]:
        words = self._words
        if isinstance(event, ChangeMade):
            change = words.change(event.change, path=self._paths)
            if event.change.problem is None:
                said = Span(words.say("report.now-change", change=change), "good")
            else:
                said = Span(words.say("report.change-problem", change=change, problem=event.change.problem), "bad")
            key: Hashable = ("change", event.step, event.change.kind, event.change.problem is None)
            yield from self._once(event.host, key, said)
        elif isinstance(event, StepDone):
            status = event.step.status
            if self._verbosity or status not in _QUIET:
                said = Span(words.name("step", status.value), _STEP.get(status, "" if status in _QUIET else "bad"))
                yield from self._once(
                    event.host, ("step", event.step.name, status), said, self._words.colon, event.step.name
                )
        elif isinstance(event, ProofDone):
            status_words = words.name("proof", event.proof.status)
            said = Span(words.say("report.now-proof", status=status_words), _proof_style(event.proof.status))
            answer = (
                words.say("report.answer", text=shortened(event.proof.text, _ANSWER))
                if event.proof.text.strip()
                else ""
            )
            yield from self._once(event.host, ("proof", event.proof.status, event.proof.code), said, " ", answer)
        else:
            said = Span(words.say("report.now-lost", reason=words.fault(event.error)), "bad")
            yield from self._once(event.host, ("lost", event.error.code), said)

    def _finished(self, event: HostDone) -> Iterator[Line]:
        self._done += 1
        status = event.host.status.value
        if self._verbosity:
            said = self._words.name("status", status)
            yield self._about(
                event.host.name, Span(said, STATUS_STYLE[status]), f" ({duration(event.host.duration_s)})"
            )
        elif self._hosts > _FEW and self._done * 10 // self._hosts > (self._done - 1) * 10 // self._hosts:
            yield line(Span(self._words.say("report.done-of", done=self._done, total=self._hosts), "faint"))

    def _progress(self, event: Progress) -> Iterator[Line]:
        """Without a live region, one line for each tenth of long work, and now and then while it waits."""
        measure = self._flights.measure(event.host)
        if self._live or measure is None or event.total <= 0 or (self._hosts > _FEW and not self._verbosity):
            return
        if self._clock() - measure.begun_at < _LONG_S and not self._verbosity:
            return
        waits = event.unit == WAITING
        mark = bisect(_WAITED_S, event.done) if waits else event.done * 10 // event.total
        key = ("progress", event.host, event.what, mark)
        if mark and key not in self._seen:
            self._seen.add(key)
            said = progress(self._words, measure, self._clock())
            yield self._about(event.host, f"{self._words.work(event.what)}  {said}")

    def _once(self, host: str, key: Hashable, *said: str | Span) -> Iterator[Line]:
        if self._hosts <= _FEW or self._verbosity:
            yield self._about(host, *said)
        elif key not in self._seen:
            self._seen.add(key)
            yield self._about(host, *said)
            if ("folded",) not in self._seen:
                self._seen.add(("folded",))
                yield line(Span(self._words.say("report.rest-folded"), "faint"))

    def _about(self, host: str, *said: str | Span) -> Line:
        return line(Span(host, "strong"), self._words.colon, *said)


def _proof_style(status: str) -> Style:
    return "good" if status == "verified" else "bad" if status == "failed" else "warn"
