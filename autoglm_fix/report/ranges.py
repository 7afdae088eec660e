"""Many host names in a few characters, as ``-l`` takes them: ``gpu[01:64]``, ``rack[1:4]-gpu[0:3,7].lan``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

_NUMBER = re.compile(r"([0-9]+)")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z")
_LIKE_A_SLICE = re.compile(r"([^\[]+)\[[0-9]+:[0-9]+\]")
# A name as text, number, text, number, ..., text. A folded number stands in brackets.
_Parts = tuple[str, ...]


def ranges(hosts: Iterable[str], groups: Collection[str] = ()) -> list[str]:
    """The names, numbered ones folded, in the order of the first of each.

    Where one of the ``groups`` is named ``gpu``, ``gpu[1:3]`` means its second to fourth host, in Ansible as here:
    the hosts are then ``gpu[1:3:1]``.
    """
    folded = [_parts(host) for host in dict.fromkeys(hosts)]
    longest = max(map(len, folded), default=0)
    for place in range(longest - 2, 0, -2):
        folded = _fold(folded, place)
    return [_not_a_slice("".join(parts), groups) for parts in folded]


def shown(hosts: Iterable[str], room: int | None = None, groups: Collection[str] = ()) -> str:
    """The folded names in about ``room`` characters; ``...`` stands for those that do not fit."""
    pieces = ranges(hosts, groups)
    if room is None:
        return ",".join(pieces)
    text = ""
    for piece in pieces:
        if text and len(text) + len(piece) >= room:
            return text + ",..."
        text = f"{text},{piece}" if text else piece
        if len(text) > room and "," in text[:room]:
            kept = text[: text.rindex(",", 0, room)]
            return f"{kept},...]" if kept.count("[") > kept.count("]") else f"{kept},..."
    return text


def _not_a_slice(piece: str, groups: Collection[str]) -> str:
    found = _LIKE_A_SLICE.fullmatch(piece)
    return f"{piece[:-1]}:1]" if found and found[1] in groups else piece


def _parts(host: str) -> _Parts:
    """Only numbers of the first label count, save in an address."""
    label, dot, rest = (host, "", "") if _ADDRESS.match(host) else host.partition(".")
    parts = _NUMBER.split(label)
    parts[-1] += dot + rest
    return tuple(parts)


def _fold(names: Sequence[_Parts], place: int) -> list[_Parts]:
    families: dict[_Parts, list[_Parts]] = {}
    for name in names:
        numbered = place < len(name) and not name[place].startswith("[")
        rest = (*name[:place], "", *name[place + 1 :]) if numbered else name
        families.setdefault(rest, []).append(name)
    return [folded for members in families.values() for folded in _folded(members, place)]


def _folded(members: Sequence[_Parts], place: int) -> list[_Parts]:
    if len(members) == 1:
        return list(members)
    numbers = [member[place] for member in members]
    # gpu7 and gpu07 are two hosts: where zeros lead, only numbers of one width share brackets.
    padded = any(number.startswith("0") and len(number) > 1 for number in numbers)
    widths = dict.fromkeys(len(number) for number in numbers) if padded else {0: None}
    alike = [[number for number in numbers if width in (0, len(number))] for width in widths]
    before, after = members[0][:place], members[0][place + 1 :]
    return [(*before, _brackets(each), *after) for each in alike]


def _brackets(numbers: Sequence[str]) -> str:
    if len(numbers) == 1:
        return numbers[0]
    runs: list[tuple[str, str]] = []
    for number in sorted(numbers, key=int):
        if runs and int(number) == int(runs[-1][1]) + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return "[" + ",".join(first if first == last else f"{first}:{last}" for first, last in runs) + "]"
