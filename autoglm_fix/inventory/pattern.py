"""Which hosts a pattern means: unions ``a:b,c``, ``&`` and ``!``, globs, ``~regex``, ``group[0:2]``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from autoglm_fix.authored.problems import BadInput, Position, Problem, did_you_mean, enumeration, quoted

from .ranges import BadRange, expand, is_range

_SUBSCRIPT = re.compile(r"(?P<base>.+)\[(?P<first>-?\d+)(?P<colon>:)?(?P<last>-?\d*)\]")
# A separator inside of brackets belongs to a range.
_PIECES = re.compile(r"(?:[^,:\[\]]|\[[^\]]*\])+")
_IPV6 = re.compile(r"[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")

Members = Mapping[str, Sequence[str]]


def select(
    hosts: Sequence[str],
    groups: Members,
    implicit: str,
    patterns: Sequence[tuple[str | Sequence[str], Position]],
    limit: str | None,
) -> list[list[str]]:
    """The names that each pattern selects within the limit, in the pattern's order. Raises BadInput."""
    matcher = _Matcher(hosts, groups, implicit)
    chosen = [matcher.select(pattern, at) for pattern, at in patterns]
    if limit is not None:
        within = matcher.select(limit, Position("--limit"))
        left = [[name for name in names if name in within] for names in chosen]
        if within and chosen and all(chosen) and not any(left):
            matcher.problems.append(Position("--limit").problem(_nothing_left(limit, within, chosen)))
        chosen = left
    if matcher.problems:
        raise BadInput(matcher.problems)
    return chosen


def _nothing_left(limit: str, within: Sequence[str], chosen: Sequence[Sequence[str]]) -> str:
    meant = enumeration(sorted({name for names in chosen for name in names}))
    return f"{quoted(limit)} selects {enumeration(within)}, and the playbook runs on {meant}: no host is in both"


class _Matcher:
    """One inventory's names; collects what patterns get wrong in ``problems``."""

    def __init__(self, hosts: Sequence[str], groups: Members, implicit: str) -> None:
        self.problems: list[Problem] = []
        self._hosts = hosts
        self._groups = {"all": hosts, **groups}
        self._listed = [name for name, members in groups.items() if members and name not in ("all", "ungrouped")]
        self._implicit = implicit

    def select(self, pattern: str | Sequence[str], at: Position) -> list[str]:
        """The names that one pattern selects, in its order; empty only after adding to ``problems``."""
        texts = [pattern] if isinstance(pattern, str) else pattern
        pieces = [piece for text in texts for piece in self._split(text)]
        before = len(self.problems)
        chosen = self._chosen(pieces, at)
        if not chosen and len(self.problems) == before:
            shown = quoted(",".join(texts))
            message = f"{shown} selects no host" if self._hosts else "the inventory has no hosts"
            self.problems.append(at.problem(message, self._what_there_is() if self._hosts else ""))
        return chosen

    def _chosen(self, pieces: Sequence[str], at: Position) -> list[str]:
        """Unions first, then intersections and exclusions, in whatever order they stand."""
        signed = {sign: [piece[1:] for piece in pieces if piece[0] == sign] for sign in "&!"}
        plain = [piece for piece in pieces if piece[0] not in "&!"]
        united = [name for piece in plain for name in self._match(piece, at)]
        if pieces and not plain:
            united = list(self._hosts)
        within = [set(self._match(piece, at)) for piece in signed["&"]]
        without = {name for piece in signed["!"] for name in self._match(piece, at)}
        return [
            name for name in dict.fromkeys(united) if name not in without and all(name in names for names in within)
        ]

    def _split(self, text: str) -> list[str]:
        stripped = text.strip()
        if stripped in self._groups or stripped in self._hosts or _IPV6.fullmatch(stripped) or stripped[:1] == "~":
            return [stripped]
        return [piece.strip() for piece in _PIECES.findall(text) if piece.strip()]

    def _match(self, piece: str, at: Position) -> Sequence[str]:
        """What one piece without its sign means. A plain name that there isn't is a problem, an empty glob is none."""
        if piece in self._groups:
            return self._groups[piece]
        if piece in self._hosts or piece == self._implicit:
            return [piece]
        subscript = None if piece.startswith("~") else _SUBSCRIPT.fullmatch(piece)
        if subscript and self._ordered(subscript["base"]):
            return self._subscripted(subscript)
        if is_range(piece):
            return self._ranged(piece, at)
        if piece.startswith("~") or any(char in piece for char in "*?["):
            try:
                return self._ordered(piece)
            except re.error as err:
                self.problems.append(at.problem(f"{quoted(piece)} is no regular expression: {err}"))
                return []
        hint = did_you_mean(piece, (*self._listed, *self._hosts)) or self._what_there_is()
        self.problems.append(at.problem(f"no host or group is named {quoted(piece)}", hint))
        return []

    def _ordered(self, piece: str) -> list[str]:
        """The hosts of a group, or of all groups that match and then the hosts that do; empty for an unknown name."""
        if piece in self._groups:
            return list(self._groups[piece])
        matches = re.compile(piece[1:] if piece.startswith("~") else fnmatch.translate(piece)).match
        found = [name for group, members in self._groups.items() if matches(group) for name in members]
        return list(dict.fromkeys((*found, *(name for name in self._hosts if matches(name)))))

    def _subscripted(self, subscript: re.Match[str]) -> list[str]:
        """As in Ansible, the last index of a slice is part of it."""
        ordered = self._ordered(subscript["base"])
        first = int(subscript["first"])
        if not subscript["colon"]:
            return ordered[first:][:1] if first >= 0 or -first <= len(ordered) else []
        last = int(subscript["last"]) if subscript["last"] else -1
        return ordered[first : last + 1 or None]

    def _ranged(self, piece: str, at: Position) -> list[str]:
        try:
            names = expand(piece)
        except BadRange as err:
            self.problems.append(at.problem(f"{quoted(piece)}: {err}"))
            return []
        return [name for expanded in names for name in self._match(expanded, at)]

    def _what_there_is(self) -> str:
        hosts = f"The hosts are: {enumeration(self._hosts)}."
        return f"The groups are: {enumeration(self._listed)}. {hosts}" if self._listed else hosts
