"""The report for people: on a terminal with colours and a live region, piped as plain lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol, TextIO

from autoglm_fix.engine.events import Event, PlansReady, RunDone, RunStarted

from .again import Again
from .flights import Flights
from .happening import Happening
from .lines import Line, line
from .plan import PlanView, likeness
from .summary import Summary
from .tally import Tally
from .words import Words

# How often it is looked who is at work for long.
_LOOK_S = 5.0


class Screen(Protocol):
    """Where lines go: a terminal, or a stream."""

    def show(self, lines: Iterable[Line]) -> None: ...

    def work(self) -> None: ...

    def rest(self) -> None: ...


class Plain:
    """A pipe, a file, a log: the words alone. ``tick`` is called now and then while hosts are at work."""

    def __init__(self, stream: TextIO, tick: Callable[[], None]) -> None:
        self._stream = stream
        self._tick = tick
        self._ticker: threading.Thread | None = None
        self._resting = threading.Event()

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines, each at once."""
        encoding = self._stream.encoding or "utf-8"
        for each in lines:
            # A stream of another encoding must not end a repair half-way.
            self._stream.write(each.plain.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()

    def work(self) -> None:
        """Look now and then, from now on, who is at work for long: where all hang, no event says so."""
        if self._ticker is None:
            self._resting.clear()
            self._ticker = threading.Thread(target=self._ticking, name="long work", daemon=True)
            self._ticker.start()

    def rest(self) -> None:
        """Nobody is at work."""
        if self._ticker is not None:
            self._resting.set()
            self._ticker.join()
            self._ticker = None

    def _ticking(self) -> None:
        # Where nobody reads any more, the next event says so.
        with suppress(BrokenPipeError):
            while not self._resting.wait(_LOOK_S):
                self._tick()


class Console:
    """A listener that prints for people: the plan, results as they happen, the summary.

    ``diff`` shows every line of every diff (a dry-run always does). ``options`` are those of the
    command line that a next run needs as well (``-i`` and its like), ``choices`` those that make it the same
    run (``-t`` and its like), ``names`` all groups and hosts of the inventory, ``machines`` the ids
    of the machines that hosts were in earlier runs. ``terminal`` None asks the
    stream. Events may come from several threads.
    """

    def __init__(
        self,
        stream: TextIO,
        language: str = "en",
        verbosity: int = 0,
        *,
        diff: bool = False,
        playbook: str = "no-output",
        options: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        names: Collection[str] = (),
        machines: Mapping[str, str] | None = None,
        terminal: bool | None = None,
        width: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        live = stream.isatty() if terminal is None else terminal
        self._words = Words(language, names)
        self._verbosity = verbosity
        self._diff = diff
        self._live = live
        self._dry_run = False
        self._planned: dict[str, Hashable] = {}
        self._tally = Tally(self._words)
        self._flights = Flights(self._words, clock, self._tally)
        self._happening = Happening(self._words, self._flights, self._tally, clock, verbosity=verbosity, live=live)
        self._summary = Summary(
            self._words, Again(playbook, options, choices), verbosity=verbosity, whole=verbosity > 0, machines=machines
        )
        self._screen = _terminal(stream, self._flights, width) if live else Plain(stream, self._overdue)
        self._one_at_a_time = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._one_at_a_time:
            self._tally.update(event)
            self._flights.update(event)
            if isinstance(event, RunStarted):
                self._dry_run = event.dry_run
            if isinstance(event, PlansReady):
                self._screen.rest()
                self._screen.show([*self._happening.lines(event), *self._plan(event)])
            elif isinstance(event, RunDone):
                self._screen.rest()
                self._screen.show([line(), *self._summary.lines(event.result)])
            else:
                self._screen.show(self._happening.lines(event))
                if not isinstance(event, RunStarted) and (self._live or self._tally.is_fleet):
                    self._screen.work()

    def question(self, plans: PlansReady) -> str:
        """The question before changes are made, for whoever reads the answer."""
        hosts = self._words.count("report.hosts", sum(1 for plan in plans.plans if plan.changes))
        return self._words.count("report.question", sum(plan.changes for plan in plans.plans), hosts=hosts)

    def close(self) -> None:
        """Leave the terminal in order; safe at any time, more than once."""
        with self._one_at_a_time:
            self._screen.rest()

    def _overdue(self) -> None:
        # Whoever holds the lock may be waiting for this thread to end.
        if self._one_at_a_time.acquire(blocking=False):
            try:
                self._screen.show(self._happening.overdue())
            finally:
                self._one_at_a_time.release()

    def _plan(self, event: PlansReady) -> list[Line]:
        # The question counts on a terminal, and the summary of a dry-run: only a log needs it here.
        total = not (self._live or self._dry_run)
        view = PlanView(self._words, whole=self._diff or self._dry_run, total=total, verbosity=self._verbosity)
        new = [plan for plan in event.plans if not event.deeper or self._planned.get(plan.host) != likeness(plan)]
        self._planned |= {plan.host: likeness(plan) for plan in event.plans}
        lines = (
            list(view.lines(new, deeper=event.deeper, batches=event.batches, most_out=event.max_unavailable))
            if new
            else []
        )
        return [line(), *lines] if lines else []


def _terminal(stream: TextIO, flights: Flights, width: int | None) -> Screen:
    from .terminal import Terminal  # Rich costs 60 ms, and a pipe needs none of it

    return Terminal(stream, flights, width=width)
