"""The report for people: on a terminal with colours and a live region, piped as plain lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Protocol, TextIO

from autoglm_fix.engine.events import Event, PlansReady, RunDone, RunStarted

from .again import Again
from .flights import Flights
from .happening import Happening
from .lines import Line, line
from .plan import PlanView, likeness
from .summary import Summary
from .words import Words


class Screen(Protocol):
    """Where lines go: a terminal, or a stream."""

    def show(self, lines: Iterable[Line]) -> None: ...

    def work(self) -> None: ...

    def rest(self) -> None: ...


class Plain:
    """A pipe, a file, a log: the words alone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines, each at once."""
        encoding = self._stream.encoding or "utf-8"
        for each in lines:
            # A stream of another encoding must not end a repair half-way.
            self._stream.write(each.plain.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()

    def work(self) -> None:
        """Nothing moves in a log."""

    def rest(self) -> None:
        """Nothing moves in a log."""


class Console:
    """A listener that prints for people: the plan, results as they happen, the summary.

    ``diff`` shows every line of every diff (a dry-run always does). ``options`` are those of the
    command line that a next run needs as well (``-i`` and its like), ``choices`` those that make it the same
    run (``-t`` and its like), ``names`` all groups and hosts of the inventory. ``terminal`` None asks the
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
        self._flights = Flights(self._words, clock)
        self._happening = Happening(self._words, self._flights, clock, verbosity=verbosity, live=live)
        self._summary = Summary(self._words, Again(playbook, options, choices), verbosity=verbosity, whole=verbosity > 0)
        self._screen = _terminal(stream, self._flights, width) if live else Plain(stream)
        self._one_at_a_time = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._one_at_a_time:
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
                if not isinstance(event, RunStarted):
                    self._screen.work()

    def question(self, plans: PlansReady) -> str:
        """The question before changes are made, for whoever reads the answer."""
        hosts = self._words.count("report.hosts", sum(1 for plan in plans.plans if plan.changes))
        return self._words.count("report.question", sum(plan.changes for plan in plans.plans), hosts=hosts)

    def close(self) -> None:
        """Leave the terminal in order; safe at any time, more than once."""
        with self._one_at_a_time:
            self._screen.rest()

    def _plan(self, event: PlansReady) -> list[Line]:
        # The question counts on a terminal, and the summary of a dry-run: only a log needs it here.
        total = not (self._live or self._dry_run)
        view = PlanView(self._words, whole=self._diff or self._dry_run, total=total, verbosity=self._verbosity)
        new = [plan for plan in event.plans if not event.deeper or self._planned.get(plan.host) != likeness(plan)]
        self._planned |= {plan.host: likeness(plan) for plan in event.plans}
        lines = list(view.lines(new, deeper=event.deeper)) if new else []
        return [line(), *lines] if lines else []


def _terminal(stream: TextIO, flights: Flights, width: int | None) -> Screen:
    from .terminal import Terminal  # Rich costs 60 ms, and a pipe needs none of it

    return Terminal(stream, flights, width=width)
