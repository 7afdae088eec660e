"""Words of a command and values of variables, each with the places where it can be changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .traced import Splice, Spot, Traced, made

# How a word is written, quotes and all, given how the one before it was; None where it cannot be.
Quote: TypeAlias = Callable[[str, str], "str | None"]

_GAP = re.compile(r"(?:\s|\\(?=\r?\n))+\Z")


@dataclass(frozen=True)
class Place:
    """One place where a word is written: ``raw`` with its quotes, ``quote`` how others are written there.

    ``whole`` is the range of lines that the word has for itself (an item of a list, a line of an env file), and
    ``item`` what stands on such a line around a word, where lines like it may follow. A word in a row of words
    has neither; ``between`` stands between them.
    """

    raw: Traced
    quote: Quote
    whole: Spot | None = None
    item: tuple[str, str] | None = None
    between: str = " "


@dataclass(frozen=True)
class Word:
    """A word as the process gets it, and where it is written, the innermost place first.

    A variable's value stands where the variable is set (the innermost) and where it is used.
    """

    value: Traced
    places: tuple[Place, ...] = ()

    @property
    def text(self) -> str:
        return self.value.text


@dataclass(frozen=True)
class Start:
    """What is started, as its definition says: the words of the command and the variables, with their places.

    ``shell``: the words stand in a shell's text. ``unclear`` says why this may not be all of it: a reason
    as in ``ByHand``, or ``masked`` where a source was masked on its way here.
    """

    words: tuple[Word, ...] = ()
    environment: Mapping[str, Word] = field(default_factory=dict)
    user: str | None = None
    working_dir: str | None = None
    shell: bool = False
    image_starts: tuple[str, ...] = ()
    unclear: str = ""

    @property
    def argv(self) -> tuple[str, ...]:
        return tuple(word.text for word in self.words)


def plain_word(text: str) -> Word:
    """A word that stands nowhere."""
    return Word(made(text))


def replace(place: Place, words: Sequence[str]) -> list[Splice] | None:
    """Other words in the place of one."""
    spot = place.raw.spot()
    if spot is None or not words:
        return None
    for texts in _quoted(place, words):
        if place.item is None:
            splice = spot.splice(place.between.join(texts))
            if splice is not None:
                return [splice]
            continue
        first = spot.splice(texts[0])
        if first is not None:
            return [first, *(_insert_lines(place, texts[1:]) if len(texts) > 1 else [])]
    return None


def insert(after: Place, words: Sequence[str], gap: str | None = None) -> list[Splice] | None:
    """More words behind one. ``gap`` is what stands before the first of them in a row."""
    spot = after.raw.spot()
    if spot is None:
        return None
    for texts in _quoted(after, words, new=True):
        if after.item is not None:
            return _insert_lines(after, texts)
        splice = spot.after().splice(after.between.join(texts))
        if splice is not None:
            return [(*splice[:3], (gap or after.between) + splice[3])]
    return None


def remove(places: Sequence[Place], before: Place | None) -> list[Splice] | None:
    """Take out words in a row, with the gap to the one before."""
    found = [place.raw.spot() for place in places]
    spots = [spot for spot in found if spot is not None]
    if len(spots) < len(found) or not spots:
        return None
    wholes = [place.whole for place in places if place.whole is not None]
    if wholes:
        return [(whole.source, whole.start, whole.end, "") for whole in wholes] if len(wholes) == len(places) else None
    reach = spots[0].to(spots[-1])
    previous = None if before is None else before.raw.spot()
    if reach is not None and previous is not None and previous.to(reach) is not None:
        reach = Spot(reach.source, previous.end, reach.end, reach.writers)
    return None if reach is None else [(reach.source, reach.start, reach.end, "")]


def gap_before(text: str, place: Place) -> str:
    """The gap at the end of a source's text, as it stands between words of that place: a blank, or a new line."""
    found = _GAP.search(text)
    gap = found[0] if found else " "
    return place.between.rstrip() + gap


def _quoted(place: Place, words: Sequence[str], *, new: bool = False) -> Iterator[list[str]]:
    """The words as they may be written there: as the one before was, or as is usual; else in other quotes."""
    for like in ("" if new else place.raw.text, '"', "'"):
        texts = [place.quote(word, like) for word in words]
        known = [text for text in texts if text is not None]
        if len(known) == len(texts):
            yield known


def _insert_lines(place: Place, texts: Sequence[str]) -> list[Splice]:
    whole = place.whole
    if whole is None or place.item is None:
        return []
    before, behind = place.item
    return [(whole.source, whole.end, whole.end, "".join(f"{before}{text}{behind}" for text in texts))]
