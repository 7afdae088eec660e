"""The text of supervisor's files: options with their places, and how supervisor fills and splits them.

After the configuration manual and the sources of supervisor 4.2, 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .place import Place, Word
from .traced import Origin, Spot, Traced, joined, read_as, written

_SECTION = re.compile(r"\[([^\]]+)\]")
_OPTION = re.compile(r"(.*?)\s*[=:]\s*")
_FORMAT = re.compile(r"%(?:%|\((\w+)\)([0-9]*)([sd]))")
_LETTERS = re.compile(r"[A-Za-z0-9_/.+():-]")


@dataclass(frozen=True)
class Option:
    """One option of a section, its continued lines joined. ``lines`` are those it stands on."""

    section: str
    name: str
    value: Traced
    lines: Spot


def doubled(text: str) -> str | None:
    """How a text is written where ``%(name)s`` is filled in; a comment must not begin in it."""
    if "\n" in text or re.search(r"(?:\A|\s)[;#]", text):
        return None
    return text.replace("%", "%%")


def options(source: str, text: str) -> Iterator[Option]:
    """The options of a file in their order; the last of a name in a section counts."""
    section = ""
    name, parts, start, margin = "", list[Traced](), 0, 0
    at = 1 if text.startswith("\ufeff") else 0
    end = at
    for begin, stop, line_end in _lines(text, at):
        line = text[begin:stop]
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if name and indent > margin:
            broken = Traced("\n", (Origin(source, end - 1, begin + indent),))
            parts += [broken, written(source, text, begin + indent, stop)]
            end = line_end
            continue
        if name:
            yield Option(section, name, joined(parts), Spot(source, start, end))
            name = ""
        margin = indent
        header = _SECTION.match(line.strip())
        option = _OPTION.match(line)
        if header:
            section = header[1]
        elif option and option[1].strip():
            name, start, end = option[1].strip().lower(), begin, line_end
            parts = [written(source, text, begin + option.end(), stop)]
    if name:
        yield Option(section, name, joined(parts), Spot(source, start, end))


def expanded(value: Traced, names: Mapping[str, Traced], *, used: bool = False) -> Traced:
    """A value with ``%(name)s`` filled; one that we do not know stays as it is.

    Its letters stand where the names' values do, or, with ``used``, where the names are used.
    """
    parts: list[Traced] = []
    at = 0
    for found in _FORMAT.finditer(value.text):
        parts.append(_same(value[at : found.start()]))
        here = value[found.start() : found.end()]
        if found[0] == "%%":
            parts.append(_for(here, "%"))
        elif found[1] not in names:
            parts.append(here)
        else:
            inner = names[found[1]]
            text = inner.text.rjust(int(found[2] or 0), "0" if found[2] else " ")
            parts.append(inner if text == inner.text and not used else _for(here, text))
        at = found.end()
    return joined([*parts, _same(value[at:])])


@dataclass(frozen=True)
class Pair:
    """A variable of ``environment=``, from ``begin`` to ``end`` in the option's value."""

    word: Word
    begin: int
    end: int


def pairs(value: Traced) -> dict[str, Pair]:
    """The variables of ``environment=``: ``KEY="value",OTHER=1``. ValueError for what supervisor would refuse."""
    found: dict[str, Pair] = {}
    tokens = list(_tokens(value.text))
    for number in range(0, len(tokens), 4):
        three = tokens[number : number + 3]
        if len(three) < 3 or value.text[three[1][0] : three[1][1]] != "=":
            raise ValueError(value.text)
        name = value.text[three[0][0] : three[0][1]]
        raw = value[three[2][0] : three[2][1]]
        text = raw.text.strip("'\"")
        begin = raw.text.find(text) if text else 0
        how = Between(raw.text[:1] if raw.text[:1] in ("'", '"') else "")
        inner = read_as(raw, [(each, begin + at, begin + at + 1, how) for at, each in enumerate(text)])
        found[name] = Pair(Word(inner, (Place(raw, quoted),)), three[0][0], three[2][1])
    return found


@dataclass(frozen=True)
class Between:
    """How a text is written between these quotes (none: bare) of ``environment=``."""

    quote: str

    def __call__(self, text: str) -> str | None:
        if not self.quote:
            return text if text and all(_LETTERS.match(each) for each in text) else None
        return None if self.quote in text or text != text.strip("'\"") else text


def quoted(value: str, like: str) -> str | None:
    """A whole value of ``environment=``."""
    old = like[:1] if like[:1] in ("'", '"') else '"'
    for quote in (old, '"', "'"):
        text = Between(quote)(value)
        if text is not None:
            return f"{quote}{text}{quote}"
    return None


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    """Where the tokens of ``environment=`` stand: words, quoted texts, single signs."""
    at = 0
    while at < len(text):
        char = text[at]
        end = at + 1
        if char.isspace():
            at += 1
            continue
        if char in "'\"":
            close = text.find(char, at + 1)
            end = len(text) if close < 0 else close + 1
        elif _LETTERS.match(char):
            while end < len(text) and _LETTERS.match(text[end]):
                end += 1
        yield at, end
        at = end


def _lines(text: str, at: int) -> Iterator[tuple[int, int, int]]:
    """Each line's begin, the end of what is no comment in it, and the end of its line break."""
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        stop = end
        for found in re.compile(r"[;#]").finditer(text, at, end):
            if found.start() == at or text[found.start() - 1].isspace():
                stop = found.start()
                break
        while stop > at and text[stop - 1].isspace():
            stop -= 1
        yield at, stop, min(end + 1, len(text))
        at = end + 1


def _for(here: Traced, text: str) -> Traced:
    """The text that a writing stands for."""
    spot = here.spot()
    origin = None if spot is None else Origin(spot.source, spot.start, spot.end, (doubled, *spot.writers))
    return Traced(text, (origin,) * len(text))


def _same(value: Traced) -> Traced:
    return read_as(value, [(value.text, 0, len(value), doubled)])
