"""Which hosts a pattern means: unions ``a:b`` or ``a,b``, ``&`` and ``!``, globs, ``~regex``, ``group[0:2]``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from autoglm_fix.authored.problems import BadInput, Position, Problem, did_you_mean, enumeration, quoted

from .addresses import LOCALHOSTS, address_and_port
from .limit import Limit, limit_patterns
from .ranges import BadRange, expand, is_list, is_range, unlisted, without_lists

_LIMIT = Position("--limit")
_SUBSCRIPT = re.compile(r"(?P<base>.+)\[(?:(?P<index>-?\d+)|(?P<first>\d+)[:-](?P<last>\d*))\]")
# A colon inside of brackets belongs to a range, and one before the id of a run to its name.
_FAILED = r"[&!]?@failed(?::\d{8}T[\w-]*)?"
_PIECES = re.compile(rf"{_FAILED}(?=[\s:]|$)|(?:[^\s:\[\]]|\[[^\]]*\])+")
# So does a comma between the numbers of a list of ranges.
_BETWEEN_COMMAS = re.compile(r"(?:\[[0-9:,]*\]|[^,])+")
_GLOBS = ".?*["
# To look for what was meant takes long among many names.
_MOST_HINTS = 5
# So many names are offered to be typed.
_MOST_TYPED = 20

Members = Mapping[str, Sequence[str]]


def select(
    hosts: Sequence[str],
    groups: Members,
    patterns: Sequence[tuple[str | Sequence[str], Position]],
    limit: str | Sequence[str] | Limit | None,
) -> list[list[str]]:
    """The names that each pattern selects within the limit, in the pattern's order. Raises BadInput.

    A pattern and a limit are text as typed, or a list of such; ``@FILE`` in a limit is a pattern for each line.
    """
    if limit is not None and not isinstance(limit, Limit):
        limit = Limit(limit, tuple(split_limit(limit)))
    matcher = _Matcher(hosts, groups, limit)
    chosen = [matcher.select(split(pattern), _shown(pattern), at) for pattern, at in patterns]
    if limit is not None:
        unread: list[Problem] = []
        pieces = limit_patterns(limit, unread)
        matcher.problems += unread
        within = dict.fromkeys([] if unread else matcher.select(pieces, _shown(limit.text), _LIMIT))
        left = [[name for name in names if name in within] for names in chosen]
        if within and chosen and all(chosen) and not any(left):
            matcher.problems.append(_LIMIT.problem(_nothing_left(_shown(limit.text), list(within), chosen)))
        chosen = left
    if matcher.problems:
        raise BadInput(matcher.problems)
    return chosen


def split(pattern: str | Sequence[str]) -> list[str]:
    """The pieces of a pattern: between commas where there is one, else between colons that separate nothing else.

    The commas of a list of ranges, as reports have them (``gpu[1:3,7]``), separate nothing.
    """
    if not isinstance(pattern, str):
        return [piece for text in pattern for piece in split(text)]
    if "," in without_lists(pattern):
        pieces = _BETWEEN_COMMAS.findall(pattern)
    else:
        pieces = [pattern] if address_and_port(pattern) else _PIECES.findall(pattern)
    return [piece.strip() for piece in pieces if piece.strip()]


def split_limit(limit: str | Sequence[str]) -> list[str]:
    """The pieces of a limit. One that begins with ``@`` names a file, whose name may have colons in it.

    ``@failed`` and ``@failed:RUN`` are no files, but pieces like any other.
    """
    if isinstance(limit, str) and limit.strip().startswith("@") and "," not in limit:
        return split(limit) if re.match(rf"{_FAILED}(?=[\s:]|$)", limit.strip()) else [limit.strip()]
    return split(limit)


def _shown(pattern: str | Sequence[str]) -> str:
    return quoted(pattern if isinstance(pattern, str) else ",".join(pattern))


def _nothing_left(limit: str, within: Sequence[str], chosen: Sequence[Sequence[str]]) -> str:
    meant = enumeration(sorted({name for names in chosen for name in names}))
    return f"{limit} selects {enumeration(within)}, and the playbook runs on {meant}: no host is in both"


class _Matcher:
    """One inventory's names; collects what patterns get wrong in ``problems``."""

    def __init__(self, hosts: Sequence[str], groups: Members, limit: Limit | None) -> None:
        self.problems: list[Problem] = []
        self._lists: Members = {} if limit is None else limit.named
        self._told: Mapping[str, str] = {} if limit is None else limit.told
        self._hosts = dict.fromkeys(hosts)
        self._groups = groups if "all" in groups else {"all": hosts, **groups}
        self._listed = [name for name, members in groups.items() if members and name not in ("all", "ungrouped")]

    def select(self, pieces: Sequence[str], shown: str, at: Position) -> list[str]:
        """The names that the pieces of one pattern select together; empty only after adding to ``problems``."""
        before = len(self.problems)
        chosen = self._chosen(pieces, at)
        if not chosen and len(self.problems) == before:
            message = f"{shown} selects no host" if self._hosts else "the inventory has no hosts"
            self.problems.append(at.problem(message, self._what_there_is() if self._hosts else ""))
        return chosen

    def _chosen(self, pieces: Sequence[str], at: Position) -> list[str]:
        """Unions first, then intersections and exclusions, in whatever order they stand."""
        signed = {sign: [piece[1:] for piece in pieces if piece[0] == sign] for sign in "&!"}
        plain = [piece for piece in pieces if piece[0] not in "&!"]
        united = [name for piece in plain for name in self._united(piece, at)]
        if pieces and not plain:
            united = list(self._groups["all"])
        within = [set(self._match(piece, at)) for piece in signed["&"]]
        without = {name for piece in signed["!"] for name in self._lists.get(piece) or self._match(piece, at)}
        return [
            name for name in dict.fromkeys(united) if name not in without and all(name in names for names in within)
        ]

    def _united(self, piece: str, at: Position) -> Sequence[str]:
        return [piece] if piece in self._hosts else self._match(piece, at)

    def _match(self, piece: str, at: Position) -> Sequence[str]:
        """What one piece without its sign means. A plain name that there isn't is a problem, an empty glob is none."""
        if not piece:
            self.problems.append(at.problem("a name is expected behind '&' or '!'"))
            return []
        if piece in self._lists:
            return self._of_list(piece, at)
        subscript = None if piece.startswith("~") else _SUBSCRIPT.fullmatch(piece)
        try:
            found = self._ordered(subscript["base"]) if subscript else []
            if subscript and found:
                return self._subscripted(subscript, found, piece, at)
            if not piece.startswith("~") and (is_list(piece) or is_range(piece)):
                return self._ranged(piece, at)
            found = self._ordered(piece)
        except re.error as err:
            self.problems.append(at.problem(f"{quoted(piece)} is no regular expression: {err}"))
            return []
        if found or piece in self._groups:
            return found
        if piece in LOCALHOSTS:
            return [next((name for name in self._hosts if name in LOCALHOSTS), piece)]
        if piece.startswith("~") or any(char in piece for char in "*?["):
            return []
        if subscript and subscript["base"] in self._groups:
            return []
        self.problems.append(at.problem(f"no host or group is named {quoted(piece)}", self._instead_of(piece)))
        return []

    def _of_list(self, piece: str, at: Position) -> Sequence[str]:
        """The hosts of a list from elsewhere: those that are not here are one problem, however many."""
        names = self._lists[piece]
        missing = [name for name in names if name not in self._hosts and name not in LOCALHOSTS]
        if not missing:
            return [found for name in names for found in self._united(name, at)]
        here = [name for name in names if name not in missing]
        told = f" {self._told[piece]}" if piece in self._told else ""
        problem = at.problem(
            f"{quoted(piece)}: this inventory does not have {enumeration(missing)}.{told}",
            "Give the inventory of that run with -i"
            + (f", or repeat it where it can be: -l {','.join(here)}" if 0 < len(here) <= _MOST_TYPED else "."),
        )
        if problem not in self.problems:
            self.problems.append(problem)
        return []

    def _ordered(self, piece: str) -> list[str]:
        """The hosts of all groups that match, then the hosts that do, some of them twice; empty for an unknown name.

        A plain name is a group's before it is a host's.
        """
        if piece[0] != "~" and not any(char in piece for char in _GLOBS):
            return list(self._groups.get(piece, [piece] if piece in self._hosts else []))
        matches = re.compile(piece[1:] if piece[0] == "~" else fnmatch.translate(piece)).match
        found = [name for group, members in self._groups.items() if matches(group) for name in members]
        return [*found, *(name for name in self._hosts if matches(name))]

    def _subscripted(self, subscript: re.Match[str], found: Sequence[str], piece: str, at: Position) -> Sequence[str]:
        """As in Ansible, the last index of a slice is part of it."""
        if subscript["index"] is None:
            last = int(subscript["last"]) if subscript["last"] else len(found) - 1
            return found[int(subscript["first"]) : last + 1]
        index = int(subscript["index"])
        if not -len(found) <= index < len(found):
            message = f"there is no {quoted(piece)}: {quoted(subscript['base'])} has {len(found)} hosts, counted from 0"
            self.problems.append(at.problem(message))
            return []
        return [found[index]]

    def _ranged(self, piece: str, at: Position) -> list[str]:
        try:
            names = [name for each in unlisted(piece) for name in expand(each)]
        except BadRange as err:
            self.problems.append(at.problem(f"{quoted(piece)}: {err}"))
            return []
        return [name for expanded in names for name in self._united(expanded, at)]

    def _instead_of(self, piece: str) -> str:
        if piece.endswith("...]") or piece == "...":
            return (
                "This list was cut where it was printed. '@failed:RUN' names all hosts on which a run did not end well."
            )
        if ":" in piece and all(part.lstrip("&!") in self._names for part in split(piece.replace(":", ","))):
            return "Next to commas a colon is part of a name: write commas alone."
        if len(self.problems) >= _MOST_HINTS:
            return ""
        return did_you_mean(piece, self._names) or self._what_there_is()

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self._listed, *self._hosts)

    def _what_there_is(self) -> str:
        hosts = f"The hosts are: {enumeration(self._hosts)}."
        return f"The groups are: {enumeration(self._listed)}. {hosts}" if self._listed else hosts
