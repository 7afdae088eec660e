"""Lines of a report before they are printed: text with the style of each part, coloured or not later."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from .safe import safe, safe_lines

Style = Literal["", "good", "bad", "warn", "faint", "strong", "added", "removed", "place"]

_GAP = 2


@dataclass(frozen=True)
class Span:
    """A part of a line. ``text`` may be a host's: it is escaped here, once, and never marked up."""

    text: str
    style: Style = ""

    @property
    def shown(self) -> str:
        return safe(self.text)


@dataclass(frozen=True)
class Line:
    """One line, indented by ``indent`` cells, behind a label of ``room`` cells if it has one.

    Wrapped text stays right of the label. A ``whole`` line is never wrapped: a command that is to be
    pasted, a line of a file.
    """

    spans: tuple[Span, ...] = ()
    indent: int = 0
    label: Span | None = None
    room: int = 0
    whole: bool = False

    @property
    def start(self) -> str:
        """The label, filled up to the text that follows."""
        return "" if self.label is None else self.label.shown + " " * (self.room - cells(self.label.shown))

    @property
    def plain(self) -> str:
        return (" " * self.indent + self.start + "".join(span.shown for span in self.spans)).rstrip()


def line(*parts: str | Span, indent: int = 0, whole: bool = False) -> Line:
    """A line of parts; plain text has no style."""
    return Line(_spans(parts), indent, whole=whole)


def labelled(
    label: str, width: int, *parts: str | Span, indent: int = 0, style: Style = "faint", whole: bool = False
) -> Line:
    """A line behind a label of at most ``width`` cells, with a gap after it."""
    return Line(_spans(parts), indent, Span(label, style), width + _GAP, whole)


def _spans(parts: tuple[str | Span, ...]) -> tuple[Span, ...]:
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def cells(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def diff_lines(diff: str, indent: int, limit: int | None = None) -> tuple[list[Line], int]:
    """A unified diff, at most ``limit`` lines of it, and how many lines were left out."""
    said = safe_lines(diff) if diff else []
    kept = said
    if limit is not None and len(said) > limit + 1:
        # What changes, and a line on each side that says where; the change itself names its file.
        changed = [number for number, each in enumerate(said) if _diff_style(each) in ("added", "removed")]
        start = max(changed[0] - 1, 0) if changed else 0
        kept = said[start : min(start + limit, changed[-1] + 2 if changed else len(said))]
    return [line(Span(each, _diff_style(each)), indent=indent, whole=True) for each in kept], len(said) - len(kept)


def _diff_style(text: str) -> Style:
    if text.startswith(("+++", "---", "@@")):
        return "faint"
    return "added" if text.startswith("+") else "removed" if text.startswith("-") else ""
