"""What is wrong with a file or the command line: where, what, and what to do about it. All of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 80
# How much of two words must agree for one to be a likely slip of the other, from 0 to 1.
_NEAR = 0.65


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file. Lines and columns count from 1; 0 stands for the file as a whole.

    ``file`` is the path as the user gave it, or the option (``-e``, ``-i``, ``--limit``) where the
    text stood on the command line.
    """

    file: str
    line: int = 0
    column: int = 0

    def problem(self, message: str, hint: str = "") -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, self.column, message, hint)

    def __str__(self) -> str:
        return f"{quotable(self.file)}:{self.line}:{self.column}" if self.line else quotable(self.file)


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake. ``message`` begins in lower case and has no full stop; ``hint`` is a sentence or empty."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        said = f"{Position(self.file, self.line, self.column)}: {self.message}"
        return f"{said}. {self.hint}" if self.hint else said


class BadInput(ValueError):
    """The playbook, the inventory or the command line is wrong; no host was touched.

    ``problems`` are all that were found, by file and place, each once.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise BadInput where there is a problem."""
    found = list(problems)
    if found:
        raise BadInput(found)


def quotable(text: str) -> str:
    """Text with its control characters escaped, fit for a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def quoted(text: str) -> str:
    """Text in quotes as messages show it: on one line, not too long."""
    shown = quotable(text)
    return f"'{shown}'" if len(shown) <= _SHOWN else f"'{shown[:_SHOWN]}...'"


def did_you_mean(word: str, known: Iterable[str], *, nouns: str = "") -> str:
    """The hint for a misspelt word: the nearest known one, else, with ``nouns``, all there are."""
    import difflib  # only a mistake needs it

    candidates = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in candidates}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=_NEAR)
    if near:
        return f"Did you mean {quoted(lowered[near[0]])}?"
    if not nouns:
        return ""
    if not candidates:
        return f"There are no {nouns}."
    return f"The {nouns} are: {enumeration(candidates)}."


def enumeration(words: Iterable[str], limit: int = 12) -> str:
    """Words in a row for a message; past ``limit`` only their number."""
    listed = [quotable(word) for word in words]
    more = len(listed) - limit
    return ", ".join(listed) if more <= 0 else f"{', '.join(listed[:limit])} and {more} more"
