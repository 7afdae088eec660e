"""The text of a shell, read into words and signs with their places. Nothing is filled in, nothing is run.

By POSIX's shell grammar (IEEE Std 1003.1-2024, XCU 2) with bash's arrays and here-strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .traced import Writer

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r"[@*#?$!0-9-]")
_ASSIGNS = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_SIGN = re.compile(r"&>>|&>|<<<|<<-|<<|<&|<>|>>|>&|>\||<|>|&&|\|\||\|&|;;&|;;|;&|;|&|\||\(|\)")
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./^-]+\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./^-]+")
_IN_QUOTES = re.compile(r'[^"\\$`]+')
_BRACES = re.compile(r"\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}")
LONGEST = 1 << 16
_DEEPEST = 20
# A longer word with braces is left to the shell.
_LONGEST_WORD = 1 << 12


class NotUnderstood(Exception):
    """Text whose meaning only the shell itself could tell."""


@dataclass(frozen=True)
class Wrote:
    """How a text is written between these quotes (none: bare) of a shell; "}" stands for a default in quotes."""

    quote: str

    def __call__(self, text: str) -> str | None:
        if self.quote == "}":
            return None if re.search(r"[\\\"'`${}]", text) else text
        if self.quote == "'":
            return None if "'" in text else text
        if self.quote == '"':
            return re.sub(r'([\\"$`])', r"\\\1", text)
        return None if "\n" in text else re.sub(r"([^A-Za-z0-9_@%+=:,./^-])", r"\\\1", text)


def quoted(word: str, like: str) -> str | None:
    """A whole word; its quotes stay what they were where they can."""
    if like[:1] in ("'", '"') or not _SAFE.match(word):
        for quote in dict.fromkeys((like[:1] if like[:1] == '"' else "'", "'", '"')):
            text = Wrote(quote)(word)
            if text is not None:
                return f"{quote}{text}{quote}"
    return word


def unsplit(word: str, like: str) -> str | None:
    """A word in the value of a variable that is split at its blanks, quotes and all."""
    return word if word and not re.search(r"[\s*?\[\\'\"$`]", word) else None


@dataclass(frozen=True)
class Part:
    """A piece of a word, from ``start`` to ``end``.

    ``text`` holds letters, ``name`` a variable (``operator`` and ``default`` as in ``${name:-default}``; "@" and
    numbers are the arguments), ``array`` all of an array, ``unknown`` what only the shell could tell.
    """

    kind: Literal["text", "name", "array", "unknown"]
    start: int
    end: int
    text: str = ""
    quote: str = ""
    operator: str = ""
    default: tuple[int, int] = (0, 0)

    @property
    def writer(self) -> Writer:
        return Wrote(self.quote)


@dataclass(frozen=True)
class Token:
    """A word as it is written, or a sign. ``array`` holds the words of ``NAME=(...)``."""

    start: int
    end: int
    parts: tuple[Part, ...] = ()
    sign: str = ""
    name: str = ""
    appends: bool = False
    value_at: int = 0
    array: tuple[Token, ...] | None = None


def tokens(text: str, at: int = 0, end: int | None = None) -> list[Token]:
    """The words and signs of a text; a line break is a sign, too. Raises NotUnderstood."""
    return list(_Reader(text, len(text) if end is None else end).tokens(at))


def default_parts(text: str, begin: int, end: int) -> tuple[Part, ...]:
    """The default of ``"${name:-default}"``, which stands in double quotes. Raises NotUnderstood."""
    reader, parts, at = _Reader(text, end), list[Part](), begin
    while at < end:
        if text[at] in "\\\"'`" or text.startswith("$(", at):
            raise NotUnderstood(text[begin:end])
        parts.append(reader.variable(at, '"') if text[at] == "$" else Part("text", at, at + 1, text[at], "}"))
        at = parts[-1].end
    return tuple(parts)


class _Reader:
    def __init__(self, text: str, end: int) -> None:
        self._text = text
        self._end = end
        self._here_documents: list[tuple[str, bool]] = []
        self._depth = 0

    def tokens(self, at: int, closing: str = "") -> Iterator[Token]:
        text = self._text
        while at < self._end:
            char = text[at]
            if text.startswith("\\\n", at):
                at += 2
            elif char == "\n":
                yield Token(at, at + 1, sign="\n")
                at = self._behind_documents(at + 1)
            elif char.isspace():
                at += 1
            elif char == "#":
                at = self._line_end(at)
            elif closing and char == closing:
                return
            elif (sign := self._sign(at)) is not None:
                if sign in ("<<", "<<-"):
                    at = self._document(at + len(sign), sign == "<<-")
                    continue
                yield Token(at, at + len(sign), sign=sign)
                at += len(sign)
            else:
                token = self._word(at)
                yield token
                at = token.end

    def _sign(self, at: int) -> str | None:
        found = _SIGN.match(self._text, at, self._end)
        if found is None or self._text[at : at + 2] in ("<(", ">("):
            return None
        return found[0]

    def _line_end(self, at: int) -> int:
        found = self._text.find("\n", at, self._end)
        return self._end if found < 0 else found

    def _document(self, at: int, tabs: bool) -> int:
        """Remember a here-document that begins on the next line."""
        while self._text[at : at + 1] in (" ", "\t"):
            at += 1
        word = self._word(at)
        self._here_documents.append(("".join(part.text for part in word.parts), tabs))
        return word.end

    def _behind_documents(self, at: int) -> int:
        for delimiter, tabs in self._here_documents:
            while at < self._end:
                end = self._line_end(at)
                line = self._text[at:end]
                at = end + 1
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    break
        self._here_documents = []
        return at

    def _word(self, begin: int) -> Token:
        text, at = self._text, begin
        assigns = _ASSIGNS.match(text, at, self._end)
        if assigns and text[assigns.end() : assigns.end() + 1] == "(":
            if self._depth == _DEEPEST:
                raise NotUnderstood("nested too deep")
            self._depth += 1
            inner = list(self.tokens(assigns.end() + 1, ")"))
            self._depth -= 1
            close = self._close_of(assigns.end() + 1, inner)
            words = tuple(token for token in inner if not token.sign)
            return Token(begin, close + 1, (), "", assigns[1], bool(assigns[2]), assigns.end(), words)
        parts: list[Part] = []
        if assigns:
            at = assigns.end()
            parts.append(Part("text", begin, at, text[begin:at]))
        while at < self._end and not text[at].isspace():
            if text[at] in "<>" and text[at : at + 2] in ("<(", ">("):
                stop = self._bracket(at + 1)
                parts.append(Part("unknown", at, stop))
                at = stop
            elif _SIGN.match(text, at):
                break
            else:
                part = self._part(at)
                parts += part
                at = part[-1].end
        if at == begin:
            raise NotUnderstood(text[at : at + 20])
        bare = "".join(part.text if part.kind == "text" and not part.quote else " " for part in parts)
        if (len(bare) > _LONGEST_WORD and "{" in bare) or _BRACES.search(bare):
            parts = [Part("unknown", begin, at)]
        name, appends, value_at = (assigns[1], bool(assigns[2]), assigns.end()) if assigns else ("", False, begin)
        return Token(begin, at, tuple(parts), "", name, appends, value_at)

    def _close_of(self, at: int, inner: list[Token]) -> int:
        at = max([at, *(token.end for token in inner)])
        while at < self._end and self._text[at] != ")":
            at = self._line_end(at) if self._text[at] == "#" else at + 1
        if at >= self._end:
            raise NotUnderstood("an array is never closed")
        return at

    def _part(self, at: int) -> list[Part]:
        """The next pieces of a word outside quotes."""
        text, char = self._text, self._text[at]
        if char == "'":
            close = self._find("'", at + 1)
            letters = [Part("text", at + 1, close, text[at + 1 : close], "'")] if close > at + 1 else []
            return [Part("text", at, at + 1), *letters, Part("text", close, close + 1)]
        if char == '"':
            return self._double(at)
        if char == "\\":
            if at + 1 >= self._end:
                raise NotUnderstood("a backslash at the end")
            letter = "" if text[at + 1] == "\n" else text[at + 1]
            return [Part("text", at, at + 2, letter)]
        if char == "`" or text.startswith(("$(", "$'", '$"'), at):
            return [Part("unknown", at, self._substitution(at))]
        if char == "$":
            return [self.variable(at, "")]
        run = _PLAIN.match(text, at, self._end)
        end = run.end() if run else at + 1
        return [Part("text", at, end, text[at:end])]

    def _double(self, begin: int) -> list[Part]:
        text, at = self._text, begin + 1
        parts = [Part("text", begin, begin + 1)]
        while at < self._end and text[at] != '"':
            if text[at] == "\\" and at + 1 < self._end and text[at + 1] in '$`"\\\n':
                letter = "" if text[at + 1] == "\n" else text[at + 1]
                parts.append(Part("text", at, at + 2, letter, '"'))
            elif text[at] == "`" or text.startswith("$(", at):
                parts.append(Part("unknown", at, self._substitution(at), quote='"'))
            elif text[at] == "$":
                parts.append(self.variable(at, '"'))
            else:
                run = _IN_QUOTES.match(text, at, self._end)
                end = run.end() if run else at + 1
                parts.append(Part("text", at, end, text[at:end], '"'))
            at = parts[-1].end
        if at >= self._end:
            raise NotUnderstood("a quote is never closed")
        return [*parts, Part("text", at, at + 1)]

    def variable(self, at: int, quote: str) -> Part:
        """A variable, from its ``$``."""
        text = self._text
        if text[at + 1 : at + 2] == "{":
            return self._braced(at, quote)
        name = _NAME.match(text, at + 1, self._end) or _SPECIAL.match(text, at + 1, self._end)
        if name is None:
            return Part("text", at, at + 1, "$", quote)
        return Part("name", at, name.end(), name[0], quote)

    def _braced(self, at: int, quote: str) -> Part:
        text, end = self._text, self._brace(at + 2)
        name = _NAME.match(text, at + 2, end - 1) or _SPECIAL.match(text, at + 2, end - 1)
        if name is None:
            return Part("unknown", at, end, quote=quote)
        rest = text[name.end() : end - 1]
        if not rest:
            return Part("name", at, end, name[0], quote)
        if rest in ("[@]", "[*]"):
            return Part("array", at, end, name[0], quote)
        operator = re.match(r":?[-=+?]", rest)
        if operator is None:
            return Part("unknown", at, end, quote=quote)
        return Part("name", at, end, name[0], quote, operator[0], (name.end() + len(operator[0]), end - 1))

    def _substitution(self, at: int) -> int:
        """Where a command substitution or an ANSI-C string ends."""
        if self._text[at] == "`":
            return self._find("`", at + 1) + 1
        if self._text[at + 1] == "(":
            return self._bracket(at + 1)
        quote = self._text[at + 1]
        close = at + 2
        while close < self._end and self._text[close] != quote:
            close += 2 if self._text[close] == "\\" else 1
        if close >= self._end:
            raise NotUnderstood("a quote is never closed")
        return close + 1

    def _bracket(self, at: int) -> int:
        """Behind the bracket that closes the one at this place."""
        depth = 0
        while at < self._end:
            char = self._text[at]
            if char in "'\"":
                at = self._find(char, at + 1)
            elif char == "\\":
                at += 1
            depth += (char == "(") - (char == ")")
            at += 1
            if not depth:
                return at
        raise NotUnderstood("a bracket is never closed")

    def _brace(self, at: int) -> int:
        depth = 1
        while at < self._end:
            if self._text.startswith("${", at):
                depth += 1
                at += 1
            elif self._text[at] == "}":
                depth -= 1
                if not depth:
                    return at + 1
            at += 1
        raise NotUnderstood("a brace is never closed")

    def _find(self, char: str, at: int) -> int:
        found = self._text.find(char, at, self._end)
        if found < 0:
            raise NotUnderstood("a quote is never closed")
        return found
