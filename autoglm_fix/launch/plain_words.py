"""Words as a shell would split and unquote them, with nothing filled in: commands of compose and supervisor."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from .place import Place, Quote, Word
from .traced import Traced, Writer, read_as

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./~^\[\]{}-]+\Z")


@dataclass(frozen=True)
class Wrote:
    """How a text is written between these quotes (none: bare)."""

    quote: str

    def __call__(self, text: str) -> str | None:
        if self.quote == "'":
            return None if "'" in text else text
        if self.quote == '"':
            return text.replace("\\", "\\\\").replace('"', '\\"')
        return re.sub(r"([^A-Za-z0-9_@%+=:,./~^\[\]{}-])", r"\\\1", text) if "\n" not in text else None


def quoted(word: str, like: str) -> str | None:
    """A whole word; its quotes stay what they were where they can."""
    old = like[:1] if like[:1] in ("'", '"') else ""
    if old and (text := Wrote(old)(word)) is not None:
        return f"{old}{text}{old}"
    return word if _SAFE.match(word) else shlex.quote(word)


def words(raw: Traced, quote: Quote = quoted) -> list[Word] | None:
    """The words of a text; None where a quote is never closed."""
    found: list[Word] = []
    at = 0
    while at < len(raw):
        if raw.text[at].isspace():
            at += 1
            continue
        begin = at
        pieces: list[tuple[str, int, int, Writer]] = []
        open_quote = ""
        while at < len(raw) and (open_quote or not raw.text[at].isspace()):
            char, how = raw.text[at], Wrote(open_quote)
            if char == "\\" and open_quote != "'":
                if at + 1 == len(raw):
                    return None
                keeps = open_quote == '"' and raw.text[at + 1] not in '\\"'
                piece = (char, at, at + 1, how) if keeps else (raw.text[at + 1], at, at + 2, how)
                pieces.append(piece)
                at += 1 if keeps else 2
                continue
            if open_quote and char == open_quote:
                open_quote = ""
            elif not open_quote and char in "'\"":
                open_quote = char
            else:
                pieces.append((char, at, at + 1, how))
            at += 1
        if open_quote:
            return None
        token = raw[begin:at]
        value = read_as(token, [(text, start - begin, end - begin, how) for text, start, end, how in pieces])
        found.append(Word(value, (Place(token, quote),)))
    return found
