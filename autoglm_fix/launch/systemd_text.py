"""The text of systemd's units: settings with their places, and words as systemd splits and fills them.

After systemd.syntax(7), systemd.service(5), systemd.unit(5) and the sources of systemd 252, 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .place import Place, Word
from .traced import Origin, Spot, Traced, joined, made, read_as, written

_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_CODE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})")
# A brace that is never closed ends the filling, and one with a colon in it is none.
_VARIABLE = re.compile(r"\$(?:\{(?:([^}:]*)(\}|:)|(.*\Z))|\$)", re.DOTALL)
# Whatever follows the dollar is taken for a name, and nobody sets one that is none.
_ALONE = re.compile(r"\$(?![{$])(.*)\Z", re.DOTALL)
_SAFE = re.compile(r"[A-Za-z0-9_@+:,./=^~\[\]{}()*?!|<>&#-]+\Z")
_SECTION = re.compile(r"\[([^\]]*)\]\s*\Z")


@dataclass(frozen=True)
class Setting:
    """One setting of a section: its ``value`` with continued lines joined, and the ``lines`` it stands on."""

    section: str
    key: str
    value: Traced
    lines: Spot


@dataclass(frozen=True)
class Wrote:
    """How a text is written between these quotes (none: bare) of a setting.

    Specifiers and, where ``fills`` is true, variables are doubled so that they stand for themselves. ``cooked``:
    a backslash begins an escape; in the value of a variable it only keeps the next letter.
    """

    quote: str
    cooked: bool = True
    fills: bool = True

    def __call__(self, text: str) -> str | None:
        if self.cooked:
            text = text.replace("%", "%%")
            text = text.replace("$", "$$") if self.fills else text
        special = "\\" + self.quote if self.quote else "\\\"' "
        if "\n" in text or (not self.quote and not self.cooked and re.search(r"\s", text)):
            return None
        if not self.quote and self.cooked:
            text = re.sub(r"[\\\"']", lambda found: "\\" + found[0], text)
            return text.replace(" ", "\\s").replace("\t", "\\t")
        return "".join("\\" + each if each in special else each for each in text)


@dataclass(frozen=True)
class Quoted:
    """How a whole word is written. ``name`` is the variable that an assignment's word sets."""

    cooked: bool = True
    fills: bool = True
    name: str = ""

    def __call__(self, word: str, like: str) -> str | None:
        word = f"{self.name}={word}" if self.name else word
        old = like[:1] if like[:1] in ("'", '"') else ""
        other = "'" if '"' in word and "'" not in word else '"'
        for quote in dict.fromkeys((old, "", other)):
            text = Wrote(quote, self.cooked, self.fills)(word)
            if text is not None and (quote or (_SAFE.match(word) and not word.startswith(("#", ";")))):
                return f"{quote}{text}{quote}"
            if text is not None and not quote and _SAFE.match(word.replace("%", "").replace("$", "") or "-"):
                return text
        return None


def settings(source: str, text: str) -> Iterator[Setting]:
    """The settings of a unit's text in their order."""
    section = ""
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        start = at
        parts: list[Traced] = []
        while True:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            begin = at
            while begin < end and text[begin] in " \t\r":
                begin += 1
            if text[begin:end].startswith(("#", ";")):
                at = end + 1
                if not parts:
                    start = at
                if at >= len(text):
                    break
                continue  # a comment stands between continued lines, too
            stop = end - 1 if text[begin:end].endswith("\r") else end
            begin = at if parts else begin
            slashes = len(text[begin:stop]) - len(text[begin:stop].rstrip("\\"))
            at = end + 1
            if slashes % 2 and end < len(text):
                parts.append(written(source, text, begin, stop - 1))
                parts.append(Traced(" ", (Origin(source, stop - 1, at),)))
                continue
            parts.append(written(source, text, begin, stop))
            break
        line = _stripped(joined(parts))
        found = _SECTION.match(line.text)
        if found:
            section = found[1]
        elif "=" in line.text:
            cut = line.text.index("=")
            lines = Spot(source, start, min(at, len(text)))
            yield Setting(section, line.text[:cut].strip(), _stripped(line[cut + 1 :]), lines)


def words(raw: Traced, *, cooked: bool = True, fills: bool = True) -> list[Word]:
    """The words of a setting, without their quotes and escapes; specifiers stay.

    With ``cooked`` false they are those of a variable's value, where a backslash keeps the next letter.
    """
    found: list[Word] = []
    at = 0
    while at < len(raw):
        if raw.text[at].isspace():
            at += 1
            continue
        begin = at
        pieces: list[tuple[str, int, int, Wrote]] = []
        quote = ""
        while at < len(raw) and (quote or not raw.text[at].isspace()):
            char = raw.text[at]
            how = Wrote(quote, cooked, fills)
            if char == "\\" and at + 1 == len(raw) and not cooked:
                at += 1
                continue
            if char == "\\" and at + 1 < len(raw):
                letters, end = _escaped(raw.text, at) if cooked else (raw.text[at + 1], at + 2)
                pieces += [(letters, at, end, how)]
                at = end
                continue
            if quote and char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            else:
                pieces.append((char, at, at + 1, how))
            at += 1
        token = raw[begin:at]
        value = read_as(token, [(text, start - begin, stop - begin, how) for text, start, stop, how in pieces])
        if cooked and token.text == "\\;":
            value = read_as(token, [(";", 0, 2, Wrote("", cooked, fills))])
        found.append(Word(value, (Place(token, Quoted(cooked, fills)),)))
    return found


def specified(value: Traced, names: Mapping[str, str]) -> Traced:
    """A text with its ``%`` specifiers filled; one that we do not know stays as it is."""
    parts: list[Traced] = []
    at = 0
    for found in re.finditer(r"%(.)", value.text):
        parts.append(value[at : found.start()])
        if found[1] == "%":
            parts.append(_single(value, "%", found.start(), found.end()))
        else:
            name = names.get(found[1])
            parts.append(value[found.start() : found.end()] if name is None else made(name))
        at = found.end()
    return joined([*parts, value[at:]])


def filled(found: Sequence[Word], variables: Mapping[str, Word]) -> list[Word]:
    """The words of a command with ``${NAME}`` and ``$NAME`` filled, as systemd does in front of the start."""
    argv: list[Word] = []
    for number, word in enumerate(found):
        alone = _ALONE.match(word.text)
        if alone and number:
            variable = variables.get(alone[1])
            inner = [] if variable is None else words(variable.value, cooked=False)
            # Of several words, the last ends where the one ends that they come from.
            argv += [*inner[:-1], *(Word(each.value, (*each.places, *word.places)) for each in inner[-1:])]
            continue
        argv.append(Word(_substituted(word.value, variables) if number else word.value, word.places))
    return argv


def _substituted(value: Traced, variables: Mapping[str, Word]) -> Traced:
    parts: list[Traced] = []
    at = 0
    for found in _VARIABLE.finditer(value.text):
        parts.append(value[at : found.start()])
        if found[0] == "$$":
            parts.append(_single(value, "$", found.start(), found.end()))
        elif found[2] != "}":
            parts.append(value[found.start() : found.end()])
        elif found[1] in variables:
            parts.append(variables[found[1]].value)
        at = found.end()
    return joined([*parts, value[at:]])


def _single(value: Traced, letter: str, start: int, end: int) -> Traced:
    """A doubled letter as the one that it stands for."""
    spot = value[start:end].spot()
    if spot is None:
        return made(letter)
    return Traced(letter, (Origin(spot.source, spot.start, spot.end, spot.writers),))


def _escaped(text: str, at: int) -> tuple[str, int]:
    """What an escape stands for, and where it ends; one that systemd does not know stays as it is."""
    code = _CODE.match(text, at + 1)
    if code:
        number = int(code[1] or code[2] or code[3] or code[4], 8 if code[4] else 16)
        return (chr(number), code.end()) if 0 < number < 0x110000 else (text[at : code.end()], code.end())
    follows = text[at + 1]
    if follows in _NAMED:
        return _NAMED[follows], at + 2
    return (follows, at + 2) if follows in "\\\"'" else (text[at : at + 2], at + 2)


def _stripped(value: Traced) -> Traced:
    text = value.text
    return value[len(text) - len(text.lstrip()) : len(text.rstrip())]
