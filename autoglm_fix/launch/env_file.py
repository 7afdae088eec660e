"""Files of variables, by the rules of who reads them: systemd, docker, compose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .place import Place, Word
from .traced import Spot, Traced, Writer, read_as, written

Reader = Literal["systemd", "docker", "compose"]

_NAME = re.compile(r"[ \t]*(?:(export)[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./=-]*\Z")


@dataclass(frozen=True)
class Wrote:
    """How a text is written between these quotes (none: bare) of an env file."""

    reader: Reader
    quote: str

    def __call__(self, text: str) -> str | None:
        if "\n" in text and not self.quote:
            return None
        if self.reader == "docker":
            return text if text == text.strip() or not text else None
        if self.quote == "'":
            return _single(text, self.reader)
        if self.quote == '"' and self.reader == "systemd":
            return re.sub(r'([\\"$`])', r"\\\1", text)
        if self.quote == '"':
            # What becomes of a dollar differs between the versions of compose.
            return None if "$" in text else re.sub(r'([\\"])', r"\\\1", text)
        return _bare(text, self.reader)


@dataclass(frozen=True)
class Quoted:
    """How a whole value is written; the quotes stay what they were where they can."""

    reader: Reader

    def __call__(self, value: str, like: str) -> str | None:
        if self.reader == "docker":
            return Wrote("docker", "")(value)
        old = like[:1] if like[:1] in ("'", '"') else ""
        for quote in dict.fromkeys((old, "" if _SAFE.match(value) else '"', '"', "'")):
            text = Wrote(self.reader, quote)(value)
            if text is not None and (quote or _SAFE.match(text)):
                return f"{quote}{text}{quote}"
        return None


@dataclass(frozen=True)
class Variable:
    """A variable that a file sets; the last of a name counts."""

    name: str
    word: Word


def variables(source: str, text: str, reader: Reader) -> Iterator[Variable]:
    """What a file sets, line by line."""
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        named = _NAME.match(text, at, end)
        if named is None or (named[1] and reader != "compose"):
            while reader == "systemd" and text[at:end].lstrip()[:1] in ("#", ";") and text[end - 1 : end] == "\\":
                # A comment goes on behind a backslash, too.
                at, end = end + 1, text.find("\n", end + 1)
                end = len(text) if end < 0 else end
                if end == len(text):
                    break
            at = end + 1
            continue
        begin = named.end()
        raw_end, pieces, end = _value(text, begin, reader)
        while begin < raw_end and text[begin] in " \t":
            begin += 1
        raw = written(source, text, begin, raw_end)
        value = read_as(raw, [(each, start - begin, stop - begin, how) for each, start, stop, how in pieces])
        stop = min(end + 1, len(text))
        place = Place(_spotted(raw, source, begin), Quoted(reader), Spot(source, at, stop))
        yield Variable(named[2], Word(value, (place,)))
        at = end + 1


_Piece = tuple[str, int, int, Writer]


def _value(text: str, at: int, reader: Reader) -> tuple[int, list[_Piece], int]:
    """Where a value's writing ends, its letters, and where its line ends (the line break, or the end)."""
    if reader == "docker":
        return _line(text, at)
    return _systemd(text, at) if reader == "systemd" else _compose(text, at)


def _line(text: str, at: int) -> tuple[int, list[_Piece], int]:
    """A value up to the end of its line, as it stands."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    stop = end - 1 if end > at and text[end - 1] == "\r" else end
    bare = Wrote("docker", "")
    return stop, [(text[each], each, each + 1, bare) for each in range(at, stop)], end


def _systemd(text: str, at: int) -> tuple[int, list[_Piece], int]:
    """A value by systemd's rules: quotes may follow each other, a backslash joins lines."""
    pieces: list[_Piece] = []
    quote, begun = "", False
    kept = at  # where the writing ends, trailing blanks left out
    kept_pieces = 0
    while at < len(text):
        char = text[at]
        how = Wrote("systemd", quote)
        if not quote and char == "\n":
            break
        if quote and char == quote:
            quote, begun = "", False
            kept, kept_pieces = at + 1, len(pieces)
        elif not quote and not begun and char in "'\"":
            quote = char
        elif char == "\\" and quote != "'" and at + 1 < len(text):
            follows = text[at + 1]
            if quote and follows not in '"\\`$\n':
                pieces.append((char, at, at + 1, how))
                pieces.append((follows, at + 1, at + 2, how))
            elif follows != "\n":
                pieces.append((follows, at, at + 2, how))
            begun = begun or not quote
            at += 1
            kept, kept_pieces = at + 1, len(pieces)
        elif quote or not char.isspace():
            pieces.append((char, at, at + 1, how))
            begun = begun or not quote
            kept, kept_pieces = at + 1, len(pieces)
        elif begun:
            pieces.append((char, at, at + 1, how))
        at += 1
    return kept, pieces[:kept_pieces], at


def _compose(text: str, at: int) -> tuple[int, list[_Piece], int]:
    """A value by the rules that compose's readers share: quoted, or bare up to a comment."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    while at < end and text[at] in " \t":
        at += 1
    quote = text[at : at + 1]
    pieces: list[_Piece] = []
    if quote and quote in "'\"":
        how = Wrote("compose", quote)
        each = at + 1
        while each < len(text) and text[each] != quote:
            escape = text[each + 1 : each + 2] if text[each] == "\\" else ""
            long = bool(escape) and (escape in ("\\", quote) or (quote == '"' and escape in _ESCAPES))
            pieces.append((_ESCAPES.get(escape, escape) if long else text[each], each, each + 1 + long, how))
            each += 1 + long
        if each < len(text):
            line_end = text.find("\n", each)
            return each + 1, pieces, len(text) if line_end < 0 else line_end
        pieces = []
    comment = re.compile(r"[ \t]+#").search(text, at, end)
    stop = comment.start() if comment else end
    while stop > at and text[stop - 1] in " \t\r":
        stop -= 1
    bare = Wrote("compose", "")
    return stop, [(text[each], each, each + 1, bare) for each in range(at, stop)], end


def _spotted(raw: Traced, source: str, begin: int) -> Traced:
    """A raw value; one that is empty still has its place."""
    if len(raw):
        return raw
    return Empty("", (), Spot(source, begin, begin))


@dataclass(frozen=True)
class Empty(Traced):
    """A place where nothing stands yet."""

    here: Spot | None = None

    def spot(self) -> Spot | None:
        return self.here


def _single(text: str, reader: Reader) -> str | None:
    if reader == "systemd":
        return text if "'" not in text else None
    return None if "'" in text or "\\" in text or "${" in text else text


def _bare(text: str, reader: Reader) -> str | None:
    if text != text.strip():
        return None
    if reader == "systemd":
        if text[:1] in ("'", '"'):
            return None
        return text.replace("\\", "\\\\")
    if text[:1] in ("'", '"', "#") or re.search(r"\s#|[$\\]", text):
        return None
    return text
