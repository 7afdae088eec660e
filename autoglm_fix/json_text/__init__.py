"""JSON as people and programs write it into files: read with all its faults, edited in place, mended."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True)
class Parsed:
    """A JSON object, or why there is none: ``problem`` names ``line`` and ``column`` (1-based, 0 where open).

    ``repeated`` are the keys of the outermost object that stand there more than once.
    """

    values: dict[str, Json] = field(default_factory=dict)
    problem: str = ""
    line: int = 0
    column: int = 0
    repeated: tuple[str, ...] = ()


def parse(text: str) -> Parsed:
    """Read a file's text as Python's own reader does, which is what the engines use."""
    repeated: list[str] = []

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        # Inner objects are read before outer ones, so what the last call finds is the outermost's.
        values = dict(pairs)
        counts = Counter(name for name, _ in pairs) if len(values) < len(pairs) else {}
        repeated[:] = [name for name, count in counts.items() if count > 1]
        return values

    try:
        said = json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError as err:
        problem = f"{err.msg} in line {err.lineno}, column {err.colno}"
        return Parsed(problem=problem, line=err.lineno, column=err.colno)
    except (ValueError, RecursionError) as err:
        return Parsed(problem=str(err))
    if not isinstance(said, dict):
        return Parsed(problem=f"it is a {type(said).__name__}, not an object")
    return Parsed(said, repeated=tuple(repeated))
