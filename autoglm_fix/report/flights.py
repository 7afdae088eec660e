"""The hosts at work: what each does now, since when, how far it is, and what it said last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from autoglm_fix.engine.events import (
    Doing,
    Event,
    HostDone,
    HostLookedAt,
    HostLost,
    HostSettled,
    HostStarted,
    LogLine,
    PlansReady,
    Progress,
)

from .lines import Line, Span, line
from .tally import Tally
from .words import Words, amount, duration

# The unit of waiting: how long it has taken, and how long it may.
WAITING = "s"


@dataclass(frozen=True)
class Measure:
    """How far a piece of work is. The rate counts from ``begun_at``, when ``begun`` was done already."""

    what: str
    unit: str
    done: int
    total: int
    begun: int
    begun_at: float

    def rate(self, now: float) -> float | None:
        """Units a second; None while nothing can be said."""
        elapsed = now - self.begun_at
        return (self.done - self.begun) / elapsed if elapsed > 0 and self.done > self.begun else None


@dataclass(frozen=True)
class Flight:
    """One host at work."""

    host: str
    phase: str
    what: str
    since: float
    measure: Measure | None = None
    said: str = ""
    said_at: float = 0.0


class Flights:
    """The hosts at work, kept up to date by events.

    Each change replaces the whole mapping, so that another thread may draw it at any time.
    """

    def __init__(self, words: Words, clock: Callable[[], float], tally: Tally | None = None) -> None:
        self._words = words
        self._tally = tally
        self._clock = clock
        self._flying: dict[str, Flight] = {}

    def update(self, event: Event) -> None:
        """Take in an event; those of no one host's work are ignored."""
        now = self._clock()
        if isinstance(event, HostStarted):
            self._set(Flight(event.host, "connect", "", now))
        elif isinstance(event, Doing):
            self._set(Flight(event.host, event.phase, event.what, now))
        elif isinstance(event, Progress):
            self._set(replace(self._of(event.host, now), measure=self._measured(event, now)))
        elif isinstance(event, LogLine):
            self._set(replace(self._of(event.host, now), said=event.line, said_at=now))
        elif isinstance(event, (HostDone, HostLost, HostLookedAt, HostSettled)):
            gone = event.host.name if isinstance(event, HostDone) else event.host
            self._flying = {host: flight for host, flight in self._flying.items() if host != gone}
        elif isinstance(event, PlansReady):
            self._flying = {}

    def lines(self, room: int) -> list[Line]:
        """At most ``room`` lines: of a fleet how far it is, then those first that have been at it longest."""
        if self._tally is None or not self._tally.is_fleet or room < 2:
            return self._hosts(room)
        return [line(Span(self._tally.text(), "strong"), whole=True), *self._hosts(room - 1)]

    def _hosts(self, room: int) -> list[Line]:
        flights = sorted(self._flying.values(), key=lambda flight: flight.since)
        shown = flights if len(flights) <= room else flights[: room - 1]
        drawn = [self._line(flight) for flight in shown]
        if len(shown) < len(flights):
            hidden = self._words.count("report.flights-more", len(flights) - len(shown))
            drawn.append(line(Span(hidden, "faint"), whole=True))
        return drawn

    def at_it(self) -> list[tuple[str, str, float]]:
        """Each host at work, what it is at, and for how many seconds it has been."""
        now = self._clock()
        flights = list(self._flying.values())
        return [(flight.host, self._doing(flight), now - flight.since) for flight in flights]

    def _doing(self, flight: Flight) -> str:
        phase = self._words.name("phase", flight.phase)
        what = self._words.work(flight.measure.what) if flight.measure is not None else flight.what
        return f"{phase} {what}".rstrip()

    def measure(self, host: str) -> Measure | None:
        """How far the work of a host is."""
        flight = self._flying.get(host)
        return flight.measure if flight else None

    def _set(self, flight: Flight) -> None:
        self._flying = {**self._flying, flight.host: flight}

    def _of(self, host: str, now: float) -> Flight:
        return self._flying.get(host) or Flight(host, "look", "", now)

    def _measured(self, event: Progress, now: float) -> Measure:
        before = self.measure(event.host)
        if before is None or (before.what, before.unit) != (event.what, event.unit) or event.done < before.done:
            return Measure(event.what, event.unit, event.done, event.total, event.done, now)
        return replace(before, done=event.done, total=event.total)

    def _line(self, flight: Flight) -> Line:
        now = self._clock()
        phase = self._words.name("phase", flight.phase)
        spans: list[str | Span] = [Span(flight.host, "strong"), "  ", Span(phase, "place")]
        what = self._words.work(flight.measure.what) if flight.measure is not None else flight.what
        if what:
            spans += [" ", what]
        if flight.measure is not None:
            spans += ["  ", progress(self._words, flight.measure, now)]
        spans += ["  ", Span(duration(now - flight.since), "faint")]
        if flight.said:
            ago = self._words.say("report.ago", line=flight.said, duration=duration(now - flight.said_at))
            spans += ["  ", Span(ago, "faint")]
        return line(*spans, whole=True)


def progress(words: Words, measure: Measure, now: float) -> str:
    """``62 %, 11.2 GiB of 18.1 GiB, 210.0 MiB/s, 34.0 s left``: as much of it as is known.

    Waiting is not work: ``54.0 s of at most 30:00 min``.
    """
    if measure.unit == WAITING:
        return words.say("report.progress-waiting", done=duration(measure.done), total=duration(measure.total))
    done = amount(measure.done, measure.unit)
    if measure.total <= 0:
        said = [words.say("report.progress-open", done=done)]
    else:
        total = amount(measure.total, measure.unit)
        share = min(measure.done * 100 // measure.total, 100)
        if measure.unit != "bytes":
            done = amount(measure.done, "")
        said = [f"{share} %", words.say("report.progress", done=done, total=total)]
    rate = measure.rate(now)
    if rate is not None:
        said.append(words.say("report.rate", amount=amount(rate, measure.unit)))
        if measure.total > measure.done:
            said.append(words.say("report.eta", duration=duration((measure.total - measure.done) / rate)))
    return words.joined(said)
