"""The patterns of OpenSSH: ``*``, ``?``, and lists of them in which ``!`` takes out."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Runs of stars are one: else a hostile line could take for ever.
    parts = re.split(r"(\*+|\?)", pattern)
    rule = "".join(".*" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in parts)
    return re.compile(rule, re.DOTALL)


def matches(text: str, pattern: str) -> bool:
    """Whether one pattern fits the whole of a text."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern
    return _compiled(pattern).fullmatch(text) is not None


def any_of(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns fits and none of those that begin with ``!`` does."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(text, pattern[1:]):
                return False
        elif not found:
            found = matches(text, pattern)
    return found


def in_list(text: str, patterns: str) -> bool:
    """The same for patterns with commas between them."""
    return any_of(text, tuple(patterns.split(",")))
