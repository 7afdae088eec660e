"""Lists of hosts that a limit names: ``@FILE``, one pattern a line."""

from __future__ import annotations

import os
from collections.abc import Sequence

from autoglm_fix.authored.problems import Position, Problem
from autoglm_fix.authored.yaml_source import read_text

_SIGN = "@"


def limit_patterns(pieces: Sequence[str], problems: list[Problem]) -> list[str]:
    """The pieces of a limit with the lists that they name in place of their names; adds to ``problems``."""
    found: list[str] = []
    for piece in pieces:
        if not piece.startswith(_SIGN):
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
