"""The words of a line in an INI inventory, quoted as for a shell, and the values that they are, typed as Python is."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from autoglm_fix.authored.problems import Position
from autoglm_fix.authored.yaml_source import Value, YamlNode

from .plain_values import NO_TEMPLATE, node_of

_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN = re.compile(r"[^ \t\r\n'\"\\#]+")
_ESCAPED = re.compile(r'\\(["\\])')
_TEXT_IN_DOUBLE_QUOTES = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# Text that no Python literal begins with, and whole numbers: nearly all there is, known without the parser.
_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*|[0-9]+(?:\.[0-9]+){3}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_CONSTANTS = {"True", "False", "None"}


class BadLine(ValueError):
    """A line whose quotes or escapes have no end. ``column`` counts from 0."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class Word:
    """A word without its quotes, and where it began, counted from 0."""

    text: str
    column: int


def words(line: str) -> list[Word]:
    """The words of a line up to its comment. Raises BadLine."""
    found: list[Word] = []
    at = _after_blanks(line, 0)
    while at < len(line) and line[at] != "#":
        word, end = _word(line, at)
        found.append(Word(word, at))
        at = _after_blanks(line, end)
    return found


def value(written: str, at: Position) -> YamlNode:
    """What Ansible makes of a value: a Python literal where it is one, else text, which may be a template."""
    return node_of(_read(written), at, written)


def _word(line: str, start: int) -> tuple[str, int]:
    parts: list[str] = []
    at = start
    while at < len(line) and line[at] not in " \t\r\n#":
        if plain := _PLAIN.match(line, at):
            parts.append(plain[0])
            at = plain.end()
        elif line[at] == "\\":
            if at + 1 == len(line):
                raise BadLine("nothing follows this backslash", at)
            parts.append(line[at + 1])
            at += 2
        elif line[at] == "'":
            end = line.find("'", at + 1)
            if end < 0:
                raise BadLine("this quote is never closed", at)
            parts.append(line[at + 1 : end])
            at = end + 1
        else:
            quoted = _TEXT_IN_DOUBLE_QUOTES.match(line, at)
            if not quoted:
                raise BadLine("this quote is never closed", at)
            parts.append(_ESCAPED.sub(r"\1", quoted[1]))
            at = quoted.end()
    return "".join(parts), at


def _after_blanks(line: str, at: int) -> int:
    found = _BLANK.match(line, at)
    return found.end() if found else at


def _read(written: str) -> Value:
    if _NUMBER.fullmatch(written):
        return int(written)
    if _TEXT.fullmatch(written) and written not in _CONSTANTS:
        return written
    try:
        return _as_value(ast.literal_eval(written))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return written


def _as_value(literal: object) -> Value:
    """A Python literal in the types that YAML has."""
    if literal is None or isinstance(literal, (bool, int, float, str)):
        return literal
    if isinstance(literal, bytes):
        return {NO_TEMPLATE: literal.decode("utf-8", "replace")}
    if isinstance(literal, dict):
        return {_as_key(key): _as_value(item) for key, item in literal.items()}
    if isinstance(literal, (set, frozenset)):
        return [_as_value(item) for item in sorted(literal, key=repr)]
    if isinstance(literal, (list, tuple)):
        return [_as_value(item) for item in literal]
    return "..." if literal is ... else str(literal)


def _as_key(key: object) -> str:
    """As JSON has keys."""
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    names = {None: "null", True: "true", False: "false"}
    return names[key] if key is None or isinstance(key, bool) else str(key)
