"""Text that knows, letter by letter, where it stands and how another would be written in its place.

A launch option is read through several readers at once: a file, its quotes, a variable, a shell. Each of them
takes such a text and gives one, so that what comes out at the end can be changed at its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, TypeAlias

# How a piece of text is written so that one reader gives it back; None where it cannot be.
Writer: TypeAlias = Callable[[str], "str | None"]
# One splice: the text's key, the range of characters, what takes its place.
Splice: TypeAlias = tuple[str, int, int, str]


class Origin(NamedTuple):
    """Where one letter stands: characters ``start`` to ``end`` of the text ``source``; ``writers`` innermost first.

    There is one for each letter of every definition: it is made quickly.
    """

    source: str
    start: int
    end: int
    writers: tuple[Writer, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A range of a source that one writing can replace."""

    source: str
    start: int
    end: int
    writers: tuple[Writer, ...] = ()

    def splice(self, text: str) -> Splice | None:
        """The splice that makes readers find ``text`` here, None where it cannot be written."""
        for writer in self.writers:
            written = writer(text)
            if written is None:
                return None
            text = written
        return self.source, self.start, self.end, text

    def after(self) -> Spot:
        """The place right behind it."""
        return Spot(self.source, self.end, self.end, self.writers)

    def to(self, last: Spot) -> Spot | None:
        """From here to the end of another, None where they are not written alike."""
        if (self.source, self.writers) != (last.source, last.writers) or last.end < self.start:
            return None
        return Spot(self.source, self.start, last.end, self.writers)


@dataclass(frozen=True)
class Traced:
    """A text with the origin of each letter, None for those that nobody wrote."""

    text: str
    origins: tuple[Origin | None, ...]

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, part: slice) -> Traced:
        return Traced(self.text[part], self.origins[part])

    def __add__(self, other: Traced) -> Traced:
        return Traced(self.text + other.text, self.origins + other.origins)

    def spot(self) -> Spot | None:
        """Where all of it stands, None where it stands in several places or nowhere."""
        first = self.origins[0] if self.origins else None
        if first is None:
            return None
        start = end = first.start
        for each in self.origins:
            if each is None or (each.source, each.writers) != (first.source, first.writers):
                return None
            # Several letters may stand for one writing (the value of a variable for its name).
            if each.start < end and (each.start, each.end) != (start, end):
                return None
            start, end = each.start, each.end
        return Spot(first.source, first.start, end, first.writers)


def made(text: str) -> Traced:
    """Text that nobody wrote."""
    return Traced(text, (None,) * len(text))


def written(source: str, text: str, start: int = 0, end: int | None = None) -> Traced:
    """A range of a source, as it stands there."""
    end = len(text) if end is None else end
    return Traced(text[start:end], tuple(map(Origin, repeat(source), range(start, end), range(start + 1, end + 1))))


def read_as(raw: Traced, pieces: Iterable[tuple[str, int, int, Writer]]) -> Traced:
    """What a reader makes of a text: each piece of its output, with the range of ``raw`` that it stands for.

    A letter that stands for a range with several origins has none of its own.
    """
    texts: list[str] = []
    origins: list[Origin | None] = []
    for text, start, end, writer in pieces:
        texts.append(text)
        if len(text) == end - start:
            origins.extend(_each(raw.origins[start:end], writer))
        else:
            origins.extend([_one(raw[start:end], writer)] if len(text) == 1 else [None] * len(text))
    return Traced("".join(texts), tuple(origins))


def joined(parts: Sequence[Traced]) -> Traced:
    """Several texts in a row."""
    return Traced("".join(part.text for part in parts), tuple(each for part in parts for each in part.origins))


def spliced(text: str, splices: Iterable[tuple[int, int, str]]) -> str:
    """A text with ranges of its characters replaced; they must not overlap."""
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _one(raw: Traced, writer: Writer) -> Origin | None:
    """The origin of a letter that stands for all of a text."""
    spot = raw.spot()
    return None if spot is None else Origin(spot.source, spot.start, spot.end, (writer, *spot.writers))


def _each(origins: Iterable[Origin | None], writer: Writer) -> list[Origin | None]:
    """The origins of what stands there letter by letter."""
    return [each and Origin(each.source, each.start, each.end, (writer, *each.writers)) for each in origins]
