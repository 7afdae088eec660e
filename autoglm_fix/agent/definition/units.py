"""The text of systemd's units and environment files: lines to settings, by systemd's own rules. Pure.

After systemd.syntax(7), systemd.service(5), systemd.exec(5), systemd.unit(5) and systemd.time(7) of
systemd 252, 2026-11-22.
"""

from __future__ import annotations

import re
from typing import Iterator

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|\$)")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*\Z")


def entries(text: str, section: str) -> Iterator[tuple[str, str]]:
    """The keys and values of one section in their order; a continued line is one."""
    here, held = "", ""
    for line in text.splitlines():
        line = line.lstrip()
        if line[:1] in ("#", ";"):
            continue  # also between continued lines
        held += line
        if (len(held) - len(held.rstrip("\\"))) % 2:
            held = held[:-1] + " "
            continue
        whole, held = held.strip(), ""
        if whole.startswith("["):
            here = whole.strip("[]")
        elif here == section and "=" in whole:
            key, _, value = whole.partition("=")
            yield key.strip(), value.strip()


def words(text: str) -> list[str]:
    """The words of a command line or of a list of assignments, without their quotes and escapes."""
    found: list[str] = []
    word: str | None = None
    quote = ""
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            from .escapes import unescaped

            char, at = unescaped(text, at)
            word = (word or "") + char
        elif quote:
            quote, word = ("", word) if char == quote else (quote, (word or "") + char)
        elif char in "'\"":
            quote, word = char, word or ""
        elif char.isspace():
            if word is not None:
                found.append(word)
            word = None
        else:
            word = (word or "") + char
    return found if word is None else [*found, word]


def assignments(text: str) -> dict[str, str]:
    """What one ``Environment=`` sets."""
    pairs = (word.partition("=") for word in words(text))
    return {name: value for name, equals, value in pairs if equals and _ASSIGNED.match(name)}


def environment_file(text: str) -> dict[str, str]:
    """What the text of an ``EnvironmentFile=`` sets: one assignment a line, values may be quoted over several."""
    found: dict[str, str] = {}
    at, end = 0, len(text)
    while at < end:
        first = text[at:].partition("\n")[0]
        if "=" not in first or first.lstrip()[0] in "#;":
            at += len(first) + 1
            continue
        name, at = first.partition("=")[0].strip(), text.index("=", at) + 1
        value, at = _value(text, at)
        if _ASSIGNED.match(name):
            found[name] = value
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    """A value from there to the end of its line, and where the next line begins."""
    value, quote, kept = "", "", 0  # up to ``kept``, blanks are part of it
    while at < len(text):
        char = text[at]
        at += 1
        if quote == "'":
            quote, value = ("", value) if char == "'" else ("'", value + char)
        elif char == "\\" and at < len(text):
            if text[at] != "\n":
                plain = text[at] if not quote or text[at] in '"\\`$' else "\\" + text[at]
                value += plain
            at += 1
        elif quote:
            quote, value = ("", value) if char == quote else (quote, value + char)
        elif char == "\n":
            break
        elif char in "'\"" and not value.strip():
            quote, value = char, ""
        else:
            value += char
            if not char.isspace():
                kept = len(value)
            continue
        kept = len(value)
    return (value[:kept] if kept else value.strip()).lstrip(), at


def substituted(argv: list[str], variables: dict[str, str]) -> list[str]:
    """The words of a command with ``${NAME}`` and ``$NAME`` filled, as systemd does in front of the start."""
    found = argv[:1]
    for word in argv[1:]:
        alone = re.fullmatch(r"\$([A-Za-z_]\w*)", word)
        if alone:
            found += words(variables.get(alone[1], ""))
        else:
            found.append(_VARIABLE.sub(lambda each: _filled(each, variables), word))
    return found


def _filled(found: re.Match[str], variables: dict[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    return variables.get(found[1], "") if found[1] else found[0]


def seconds(text: str) -> float | None:
    """A time span in seconds ("1min 30s", "90"); None for ``infinity`` and for what is none."""
    if text == "infinity":
        return None
    if text.isdecimal():
        return float(text)
    from .spans import span

    return span(text)
