"""Results as they happen, a line each; of a fleet the first of each kind, and how many there are so far."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Hashable, Iterator

from autoglm_fix.engine.events import (
    BatchStarted,
    ChangeMade,
    Doing,
    Event,
    HostDone,
    HostLookedAt,
    HostLost,
    HostSettled,
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
from .outcome import status_name
from .reasons import bare, reason
from .summary import STATUS_STYLE
from .tally import Tally
from .words import Words, duration, shortened

# So many failures of one kind that differ in their reason are named each.
_KINDS = 20
_ANSWER = 80
_LONG_S = 5.0
_WAITED_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_LATE_S = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_QUIET = (StepStatus.HEALTHY, StepStatus.SKIPPED, StepStatus.PENDING)
_STEP: dict[StepStatus, Style] = {StepStatus.FIXED: "good", StepStatus.UNKNOWN: "warn", StepStatus.PENDING: "warn"}


class Happening:
    """Turns events into lines. ``live`` says that a live region shows who is at work anyway."""

    def __init__(
        self, words: Words, flights: Flights, tally: Tally, clock: Callable[[], float], *, verbosity: int, live: bool
    ) -> None:
        self._words = words
        self._flights = flights
        self._tally = tally
        self._clock = clock
        self._verbosity = verbosity
        self._live = live
        self._paths = verbosity > 0
        self._seen: set[Hashable] = set()
        self._kinds: dict[Hashable, set[Hashable]] = {}

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines for one event, mostly none."""
        if isinstance(event, RunStarted):
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
        elif isinstance(event, (BatchStarted, HostLookedAt, HostSettled)):
            yield from self._counted(event)
        else:
            yield from self._result(event)

    def _counted(self, event: BatchStarted | HostLookedAt | HostSettled) -> Iterator[Line]:
        """How far the fleet is."""
        if not isinstance(event, BatchStarted):
            # Where there is a live region, it counts.
            if self._tally.is_fleet and self._tally.tenth and not self._live:
                yield line(Span(self._tally.text(), "faint"))
        elif event.of > 1:
            batch = self._words.say("report.batch", number=event.number, of=event.of)
            yield line(Span(batch, "strong"), self._words.colon, self._words.hosts(event.hosts))

    def overdue(self) -> Iterator[Line]:
        """Who has been at one thing for long: of a fleet nothing else says so in a log."""
        late: dict[tuple[str, int], list[str]] = {}
        for host, doing, seconds in self._flights.at_it() if self._tally.is_fleet and not self._live else ():
            mark = bisect(_LATE_S, seconds)
            if mark and ("late", host, doing, mark) not in self._seen:
                self._seen.add(("late", host, doing, mark))
                late.setdefault((doing, mark), []).append(host)
        for (doing, mark), hosts in late.items():
            said = self._words.say("report.late", doing=doing, duration=duration(_LATE_S[mark - 1]))
            yield line(Span(self._words.hosts(hosts), "strong"), self._words.colon, Span(said, "warn"))

    def _aside(self, event: Doing | LogLine) -> Span:
        if isinstance(event, LogLine):
            return Span(event.line, "faint")
        return Span(f"{self._words.name('phase', event.phase)} {event.what}", "faint")

    def _result(self, event: Event) -> Iterator[Line]:
        words = self._words
        if isinstance(event, ChangeMade):
            change = words.change(event.change, path=self._paths)
            if event.change.problem is None:
                said = Span(words.say("report.now-change", change=change), "good")
            else:
                said = Span(words.say("report.change-problem", change=change, problem=event.change.problem), "bad")
            problem = event.change.problem
            why = None if problem is None else bare(problem, event.host)
            key = self._kind(("change", event.step, event.change.kind, problem is None), why)
            yield from self._once(event.host, key, said)
        elif isinstance(event, StepDone):
            status = event.step.status
            if self._verbosity or status not in _QUIET:
                said = Span(words.name("step", status.value), _STEP.get(status, "" if status in _QUIET else "bad"))
                key = self._kind(("step", event.step.name, status), reason(event.step.error, event.host))
                yield from self._once(event.host, key, said, self._words.colon, event.step.name)
        elif isinstance(event, ProofDone):
            status_words = words.name("proof", event.proof.status)
            said = Span(words.say("report.now-proof", status=status_words), _proof_style(event.proof.status))
            answer = (
                words.say("report.answer", text=shortened(event.proof.text, _ANSWER))
                if event.proof.text.strip()
                else ""
            )
            yield from self._once(event.host, ("proof", event.proof.status, event.proof.code), said, " ", answer)
        elif isinstance(event, HostLost):
            jump = event.error.behind
            code = "report.now-lost" if jump is None else "report.now-lost-jump"
            said = Span(words.say(code, reason=words.fault(event.error)), "bad")
            key = self._kind(("lost", event.error.code), reason(event.error, event.host))
            yield from self._once(event.host if jump is None else jump, key, said)

    def _kind(self, key: Hashable, why: Hashable) -> Hashable:
        """What happened, and why, where not too much of it has happened for another reason each time."""
        known = self._kinds.setdefault(key, set())
        if len(known) < _KINDS:
            known.add(why)
        return (key, why if why in known else None)

    def _finished(self, event: HostDone) -> Iterator[Line]:
        status = event.host.status.value
        if self._verbosity:
            said = self._words.name("status", status_name(event.host))
            yield self._about(
                event.host.name, Span(said, STATUS_STYLE[status]), f" ({duration(event.host.duration_s)})"
            )

    def _progress(self, event: Progress) -> Iterator[Line]:
        """Without a live region, one line for each tenth of long work, and now and then while it waits."""
        measure = self._flights.measure(event.host)
        if self._live or measure is None or event.total <= 0 or (self._tally.is_fleet and not self._verbosity):
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
        if not self._tally.is_fleet or self._verbosity:
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
