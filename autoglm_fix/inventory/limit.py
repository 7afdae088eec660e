"""Lists of hosts that a limit names: ``@FILE``, one pattern a line, and what others know by a name of theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoglm_fix.authored.problems import Position, Problem
from autoglm_fix.authored.yaml_source import read_text

_SIGN = "@"


@dataclass(frozen=True)
class Limit:
    """A limit as typed, its pieces, and the hosts that some of them, without ``&`` and ``!``, stand for.

    Hosts that the inventory does not have are a mistake, but not behind ``!``; ``told`` says of such a piece where its
    hosts come from, as a sentence for that mistake.
    """

    text: str | Sequence[str]
    pieces: tuple[str, ...]
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)


def limit_patterns(limit: Limit, problems: list[Problem]) -> list[str]:
    """The pieces of a limit with the lines of files in place of the files' names; adds to ``problems``."""
    found: list[str] = []
    for piece in limit.pieces:
        if not piece.startswith(_SIGN) or piece in limit.named:
            found.append(piece)
        else:
            found += _lines(os.path.expanduser(piece.removeprefix(_SIGN)), problems)
    return found


def _lines(file: str, problems: list[Problem]) -> list[str]:
    text = read_text(file, problems)
    if text is None:
        return []
    lines = [line.strip() for line in text.splitlines()]
    if not any(lines):
        problems.append(Position(file).problem("this list of hosts is empty"))
    return [line for line in lines if line]
