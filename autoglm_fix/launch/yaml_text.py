"""The scalars of a YAML text letter by letter, and how others are written in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autoglm_fix.authored.yaml_source import YamlMapping, YamlNode, YamlScalar, YamlSequence, parse_yaml

from .traced import Traced, Writer, read_as, written

_PROPERTY = re.compile(r"(?:[&!][^\s,\[\]{}]*\s+)+")
_HEADER = re.compile(r"[|>]([1-9])?[+-]?([1-9])?[+-]?[ \t]*(?:#[^\n]*)?\r?\n?")
_BREAK = re.compile(r"[ \t]*\r?\n[ \t]*")
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_CODE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_PLAIN = re.compile(r"[A-Za-z0-9_/.@%+=^~-][A-Za-z0-9_/.@%+=^~:;()$-]*\Z")

_Piece = tuple[str, int, int, Writer]


@dataclass(frozen=True)
class Wrote:
    """How a text is written in a scalar of this style (``"``, ``'``, ``|``, ``>`` or plain)."""

    style: str

    def __call__(self, text: str) -> str | None:
        if self.style == '"':
            return json.dumps(text, ensure_ascii=False)[1:-1]
        if "\n" in text or "\r" in text:
            return None
        if self.style == "'":
            return text.replace("'", "''")
        if self.style in ("|", ">"):
            return text
        return None if re.search(r":(?:\s|\Z)|\s#|\t", text) or text != text.strip() else text


@dataclass(frozen=True)
class Quoted:
    """How a whole value is written. ``name`` is the variable that an item ``NAME=value`` sets.

    ``dollars``: compose fills variables here, so that "$" is doubled. ``numbers``: a number may stand plain.
    """

    name: str = ""
    dollars: bool = True
    numbers: bool = False

    def __call__(self, value: str, like: str) -> str | None:
        value = f"{self.name}={value}" if self.name else value
        value = value.replace("$", "$$") if self.dollars else value
        if like[:1] == "'" and (text := Wrote("'")(value)) is not None:
            return f"'{text}'"
        if like[:1] != '"' and _PLAIN.match(value) and (self._is_text(value) or (self.numbers and like[:1])):
            return value
        return json.dumps(value, ensure_ascii=False)

    def _is_text(self, value: str) -> bool:
        node = parse_yaml(value, "", [])
        return isinstance(node, YamlScalar) and isinstance(node.value, str) and node.value == value


def line_begin(text: str, number: int) -> int:
    """Where a line begins, counted from 1."""
    at = 0
    for _ in range(number - 1):
        at = text.index("\n", at) + 1
    return at


def begin_of(text: str, node: YamlNode) -> int:
    """Where a node begins in its text."""
    return line_begin(text, node.at.line) + node.at.column - 1


def end_of(text: str, node: YamlNode) -> int:
    """Where a node's last scalar ends; of one that is empty, where it begins."""
    if isinstance(node, YamlScalar):
        return begin_of(text, node) + len(node.raw)
    inner: Iterable[YamlNode] = ()
    if isinstance(node, YamlSequence):
        inner = node.items
    elif isinstance(node, YamlMapping):
        inner = [each.value for each in node.entries.values()]
    return max([begin_of(text, node), *(end_of(text, each) for each in inner)])


def raw_of(source: str, text: str, node: YamlScalar) -> Traced | None:
    """A scalar as it is written, without its anchor and tag; None where it does not stand where it should."""
    begin = begin_of(text, node)
    raw = node.raw
    if text[begin : begin + len(raw)] != raw:
        return None
    properties = _PROPERTY.match(raw)
    skip = properties.end() if properties else 0
    if raw[skip : skip + 1] not in ("|", ">"):
        raw = raw.rstrip()
    return written(source, text, begin + skip, begin + len(raw))


def value_of(source: str, text: str, node: YamlScalar) -> Traced | None:
    """A scalar's value as text, letter by letter; None where we do not read it as YAML does."""
    raw = raw_of(source, text, node)
    if raw is None:
        return None
    style = raw.text[:1] if raw.text[:1] in ("'", '"', "|", ">") else ""
    if style in ("|", ">"):
        begin = raw.origins[0]
        pieces = list(_block(raw.text, style, _margin(text, begin.start if begin else 0)))
    else:
        pieces = list(_flow(raw.text, style))
    value = read_as(raw, pieces)
    if isinstance(node.value, str) and value.text != node.value:
        return None
    return value


def _flow(raw: str, style: str) -> Iterator[_Piece]:
    """The letters of a quoted or plain scalar; a line break among them is a blank."""
    how = Wrote(style)
    at, end = (1, len(raw) - 1) if style else (0, len(raw))
    while at < end:
        line = _BREAK.match(raw, at, end)
        if line and "\n" in line[0]:
            blank = re.compile(r"(?:[ \t]*\r?\n)+[ \t]*").match(raw, at, end) or line
            count = blank[0].count("\n") - 1
            yield ("\n" * count or " ", at, blank.end(), how)
            at = blank.end()
        elif style == "'" and raw.startswith("''", at):
            yield "'", at, at + 2, how
            at += 2
        elif style == '"' and raw[at] == "\\":
            text, stop = _escaped(raw, at)
            if text:
                yield text, at, stop, how
            at = stop
        else:
            yield raw[at], at, at + 1, how
            at += 1


def _escaped(raw: str, at: int) -> tuple[str, int]:
    code = _CODE.match(raw, at + 1)
    if code:
        number = int(code[1] or code[2] or code[3], 16)
        second = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(raw, code.end())
        if 0xD800 <= number < 0xDC00 and second:
            pair = 0x10000 + ((number - 0xD800) << 10) + int(second[1], 16) - 0xDC00
            return chr(pair), second.end()
        return (chr(number) if number < 0x110000 else ""), code.end()
    line = re.compile(r"\r?\n[ \t]*").match(raw, at + 1)
    if line:
        return "", line.end()
    return _ESCAPES.get(raw[at + 1], raw[at + 1]), at + 2


def _block(raw: str, style: str, margin: int) -> Iterator[_Piece]:
    """The letters of a block scalar. ``margin`` is the indentation of the line that begins it."""
    how = Wrote(style)
    header = _HEADER.match(raw)
    if header is None:
        return
    given = header[1] or header[2]
    lines = _lines(raw, header.end())
    full = [(begin, end) for begin, end in lines if raw[begin:end].strip()]
    if given:
        indent = margin + int(given)
    elif full:
        indent = full[0][1] - full[0][0] - len(raw[full[0][0] : full[0][1]].lstrip(" "))
    else:
        indent = 0
    last = len(lines) - 1
    while last >= 0 and not raw[lines[last][0] : lines[last][1]].strip():
        last -= 1
    for number in range(last + 1):
        begin, end = lines[number]
        begin = min(begin + indent, end)
        for at in range(begin, end):
            yield raw[at], at, at + 1, how
        if number < last:
            follows = lines[number + 1]
            yield from _between(raw, style, (begin, end), (min(follows[0] + indent, follows[1]), follows[1]), how)
    if last >= 0 and "-" not in header[0].partition("#")[0]:
        _, end = lines[last]
        keeps = len(lines) - last if "+" in header[0].partition("#")[0] else 1
        present = raw.count("\n", end)
        for _ in range(min(keeps, max(present, 1)) if present or keeps else 0):
            yield "\n", end, min(end + 1, len(raw)), how


def _between(raw: str, style: str, line: tuple[int, int], follows: tuple[int, int], how: Writer) -> Iterator[_Piece]:
    """What a line break of a block stands for: itself, or a blank where the block is folded."""
    if style == "|":
        yield "\n", line[1], follows[0], how
        return
    here, there = raw[line[0] : line[1]], raw[follows[0] : follows[1]]
    if here and there and not here[0].isspace() and not there[0].isspace():
        yield " ", line[1], follows[0], how
    elif not here or (there and (here[0].isspace() or there[0].isspace())) or here[0].isspace():
        yield "\n", line[1], follows[0], how


def _lines(raw: str, at: int) -> list[tuple[int, int]]:
    found = []
    while at < len(raw):
        end = raw.find("\n", at)
        end = len(raw) if end < 0 else end
        found.append((at, end - 1 if raw[at:end].endswith("\r") else end))
        at = end + 1
    return found


def _margin(text: str, at: int) -> int:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return len(line) - len(line.lstrip(" "))
