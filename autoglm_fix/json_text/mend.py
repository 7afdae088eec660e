"""JSON text that does not parse, made whole where only one reading is possible."""

from __future__ import annotations

import json
import re

_PART = re.compile(
    r"""(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
      | (?P<comment>//[^\n]*|/\*.*?\*/|\#[^\n]*)
      | (?P<space>[ \t\r\n]+)
      | (?P<mark>[{}\[\],:])
      | (?P<bare>[^\s"{}\[\],:/\#]+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "[": "]"}
_BOM = "\ufeff"


def mend(text: str) -> str | None:
    """The text without a byte order mark, comments and commas before a bracket, its last brackets closed.

    None where it parses already, where that does not make it parse, or where something may have been
    lost: a text that breaks off after a comma, within a value or after a key had more to say.
    """
    if _parses(text):
        return None
    parts = _parts(text.removeprefix(_BOM))
    if parts is None:
        return None
    parts = _without_last_commas(_without_comments(parts))
    opened = _left_open(parts)
    if opened is None:
        return None
    whole = _closed("".join(parts), opened)
    return whole if _parses(whole) else None


def _parts(text: str) -> list[str] | None:
    """The text in pieces: strings, comments, blanks, marks and bare words. None where one breaks off."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        parts.append(part.group())
        at = part.end()
    return parts


def _without_comments(parts: list[str]) -> list[str]:
    """A comment goes with the blanks before it on its line."""
    kept: list[str] = []
    for part in parts:
        if not part.startswith(("//", "/*", "#")):
            kept.append(part)
        elif kept and kept[-1].isspace():
            kept[-1] = kept[-1].rstrip(" \t")
    return kept


def _without_last_commas(parts: list[str]) -> list[str]:
    kept = list(parts)
    comma: int | None = None
    for at, part in enumerate(parts):
        if part in ("}", "]") and comma is not None:
            kept[comma] = ""
        if part == ",":
            comma = at
        elif part and not part.isspace():
            comma = None
    return kept


def _left_open(parts: list[str]) -> list[str] | None:
    """The brackets that nothing closes, outermost first. None where they do not match, or something may be lost."""
    opened: list[str] = []
    last = ""
    for part in parts:
        if part in _CLOSING:
            opened.append(part)
        elif part in ("}", "]") and (not opened or _CLOSING[opened.pop()] != part):
            return None
        last = part if part and not part.isspace() else last
    # A number at the end may have had more digits, a comma had something behind it.
    certain = last in ("}", "]", "true", "false", "null") or last.startswith('"')
    return opened if certain or not opened else None


def _closed(text: str, opened: list[str]) -> str:
    if not opened:
        return text
    body = text.rstrip()
    newline = "\r\n" if "\r\n" in body else "\n"
    lines = body.splitlines()
    indented = re.match(r"[ \t]+", lines[1]) if len(lines) > 1 else None
    for depth in range(len(opened) - 1, -1, -1):
        margin = f"{newline}{(indented.group() if indented else '') * depth}" if len(lines) > 1 else ""
        body += margin + _CLOSING[opened[depth]]
    return body + (newline if text.endswith("\n") else "")


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
