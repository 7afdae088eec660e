"""Many names in one: ``gpu[01:03]`` is gpu01, gpu02, gpu03; ``rack[a:c]`` and a step ``[0:8:2]`` as in Ansible."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from autoglm_fix.authored.problems import quoted

_RANGE = re.compile(r"\[([^\[\]:]*):([^\[\]:]*)(?::([^\[\]:]*))?\]")
_LIST = re.compile(r"\[([0-9]+(?::[0-9]+)?(?:,[0-9]+(?::[0-9]+)?)+)\]")
_MOST = 100_000


class BadRange(ValueError):
    """A range that says nothing: ends of different kinds, backwards, a step of 0."""


def is_range(name: str) -> bool:
    """Whether a name stands for several."""
    return _RANGE.search(name) is not None


def is_list(name: str) -> bool:
    """Whether a pattern has a list of ranges in it."""
    return _LIST.search(name) is not None


def without_lists(pattern: str) -> str:
    """A pattern without its lists of ranges, the commas of which separate no hosts."""
    return _LIST.sub("", pattern)


def unlisted(name: str) -> list[str]:
    """A pattern with lists of ranges as several without: ``gpu[1:3,7]`` is ``gpu[1:3]``, ``gpu7``. Not Ansible's."""
    found = _LIST.search(name)
    if found is None:
        return [name]
    parts = [f"[{part}]" if ":" in part else part for part in found[1].split(",")]
    return [each for part in parts for each in unlisted(name[: found.start()] + part + name[found.end() :])]


def expand(name: str) -> list[str]:
    """The names that a name with ranges stands for, in order; one without is itself. Raises BadRange."""
    parts: list[Sequence[str]] = []
    end = 0
    total = 1
    for found in _RANGE.finditer(name):
        parts.append((name[end : found.start()],))
        values = _values(*found.groups())
        total *= len(values)
        if total > _MOST:
            raise BadRange(f"this stands for more than {_MOST} names")
        parts.append(values)
        end = found.end()
    parts.append((name[end:],))
    return ["".join(each) for each in itertools.product(*parts)]


def _values(first: str, last: str, step: str | None) -> list[str]:
    if step is not None and (not step.isdigit() or int(step) < 1):
        raise BadRange(f"the step {quoted(step)} is not a whole number above 0")
    stride = int(step or 1)
    if re.fullmatch("[0-9]*", first) and re.fullmatch("[0-9]+", last):
        return _numbers(first or "0", last, stride)
    if re.fullmatch("[a-z]|[A-Z]", first) and re.fullmatch("[a-z]|[A-Z]", last) and first <= last:
        return [chr(code) for code in range(ord(first), ord(last) + 1, stride)]
    raise BadRange(f"from {quoted(first)} to {quoted(last)} is no range")


def _numbers(first: str, last: str, stride: int) -> list[str]:
    if first.startswith("0") and len(first) > 1 and len(first) != len(last):
        raise BadRange(f"'{first}' and '{last}' differ in length")
    if int(first) > int(last):
        raise BadRange(f"from {first} to {last} goes backwards")
    if int(last) - int(first) > _MOST * stride:
        raise BadRange(f"this stands for more than {_MOST} names")
    width = len(first) if first.startswith("0") else 0
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1, stride)]
