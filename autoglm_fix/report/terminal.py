"""A terminal: colours, wrapped lines, and a live region below them. The only room that knows Rich."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from .flights import Flights
from .lines import Line, Style

_STYLES: dict[Style, str] = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "faint": "dim",
    "strong": "bold",
    "added": "green",
    "removed": "red",
    "place": "cyan",
}
_SPARE_ROWS = 3
_NARROWEST = 10
_TICK_S = 0.25


class Terminal:
    """Prints lines above a live region. ``width`` and ``height`` in cells; None asks the terminal."""

    def __init__(
        self, stream: TextIO, flights: Flights, *, width: int | None = None, height: int | None = None
    ) -> None:
        self._console = Console(
            file=stream, width=width, height=height, force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._flights = flights
        self._live: Live | None = None
        self._ticker: threading.Thread | None = None
        self._resting = threading.Event()

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines for good."""
        for each in lines:
            self._print(each)

    def work(self) -> None:
        """Show who is at work, until ``rest``."""
        if self._live is None and not self._console.is_dumb_terminal:
            self._live = Live(
                get_renderable=self._region,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._resting.clear()
            self._ticker = threading.Thread(target=self._tick, args=(self._live,), name="live region", daemon=True)
            self._ticker.start()

    def rest(self) -> None:
        """Take the live region away: a question or the end follows."""
        if self._live is not None and self._ticker is not None:
            self._resting.set()
            self._ticker.join()
            self._live.stop()
            self._live = None

    def _tick(self, live: Live) -> None:
        # Rich's own refresher is not waited for when it stops: it could draw over a question.
        while not self._resting.wait(_TICK_S):
            live.refresh()

    def _region(self) -> Group:
        # Drawn by a thread of its own: it only reads what Flights replaces as a whole.
        room = max(self._console.height - _SPARE_ROWS, 1)
        return Group(*(self._one_row(each) for each in self._flights.lines(room)))

    def _one_row(self, drawn: Line) -> Text:
        text = _text(drawn)
        text.no_wrap = True
        text.overflow = "ellipsis"
        return text

    def _print(self, drawn: Line) -> None:
        start = Text(" " * drawn.indent)
        if drawn.label is not None:
            start.append(drawn.start, _STYLES[drawn.label.style])
        text = _text(drawn)
        room = self._console.width - start.cell_len
        if drawn.whole or text.cell_len <= room:
            self._console.print(start + text, soft_wrap=True)
            return
        for piece in text.wrap(self._console, max(room, _NARROWEST)):
            piece.rstrip()
            self._console.print(start + piece, soft_wrap=True)
            start = Text(" " * start.cell_len)


def _text(drawn: Line) -> Text:
    return Text.assemble(*((span.shown, _STYLES[span.style]) for span in drawn.spans))
