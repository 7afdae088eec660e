"""Sets of weight files that their names number."""

from __future__ import annotations

import re
from typing import Iterable

_NUMBERED = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})(\.[a-z]+)$")
_MOST_SHARDS = 1000


def whole_set(names: Iterable[str]) -> list[str]:
    """The files with those that their numbering (``-00001-of-00003``) promises besides.

    Where one numbering is complete, shards of another one are remains and left out.
    """
    there = set(names)
    sets: dict[tuple[str, str, str], set[str]] = {}
    for name in there:
        match = _NUMBERED.match(name)
        if match and int(match[3]) <= _MOST_SHARDS:
            all_of_it = {f"{match[1]}-{at:05d}-of-{match[3]}{match[4]}" for at in range(1, int(match[3]) + 1)}
            sets[match[1], match[3], match[4]] = all_of_it
    complete = [each for each in sets.values() if each <= there]
    remains = set() if not complete else set().union(*sets.values()) - set().union(*complete)
    return sorted((there - remains).union(*(complete or sets.values())))
