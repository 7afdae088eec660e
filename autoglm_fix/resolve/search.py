"""The smallest change: everything stays where it is, but for what is asked for and what is in its way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packaging.utils import canonicalize_name
from packaging.version import Version

from .question import Answer, Ask, Refused, Sources
from .series import nearest, within_minor, within_series
from .wish import ANYWHERE, FREE, IN_SERIES, Freedom, Wish

__all__ = ["smallest"]

# How often what a contradiction names is let go, before everything is; a torch brings fifteen libraries with it.
_TURNS = 10
# How many of those that moved unasked are tried back where they were.
_TRIALS = 8
_GOES_ON = ("contradiction", "no-wheel")
_WORD = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")


def smallest(wish: Wish, ask: Ask, alone: Ask) -> tuple[Answer | Refused, Sources]:
    """Versions that grant a wish, with as little moved as could be found, or why there are none; and the sources.

    ``alone`` is asked for single distributions, whatever those need.
    """
    found = _Search(wish, ask, alone).run()
    if isinstance(found, Answer) or wish.own_sources == wish.sources:
        return found, wish.own_sources
    # Where its builds came from may not have the version, or be out of reach.
    return _Search(replace(wish, builds=False), ask, alone).run(), wish.sources


@dataclass
class _Search:
    wish: Wish
    ask: Ask
    alone: Ask
    _known: dict[str, Answer | Refused] = field(default_factory=dict)

    def run(self) -> Answer | Refused:
        """First with the demanded as near as can be to what is installed, then as far as need be."""
        near: dict[str, Version] = {}
        for name in sorted(self.wish.open):
            found = self._nearest(name)
            if isinstance(found, Version):
                near[name] = found
            elif found.code not in _GOES_ON or not self.wish.depends(name):
                return found
        installed = self.wish.installed
        minor = {name: within_minor(version) if name in installed else _from(version) for name, version in near.items()}
        series = {name: within_series(version) if name in installed else "" for name, version in near.items()}
        answer = self._let_go(minor)
        if isinstance(answer, Answer) or answer.code not in _GOES_ON:
            return answer
        widest = self._ask(dict.fromkeys(self.wish.movable, ANYWHERE), {}, {})
        if isinstance(widest, Refused):
            return widest
        for windows in (series, {}):
            answer = self._let_go(windows)
            if isinstance(answer, Answer):
                return answer
        return self._fewer(widest, {})

    def _nearest(self, name: str) -> Version | Refused:
        there = self.wish.installed.get(name)
        now = there.version if there is not None else None
        wish = self.wish
        return nearest(name, wish.asked_of(name), now, wish.target, wish.own_sources, self.alone)

    def _let_go(self, windows: Mapping[str, str]) -> Answer | Refused:
        """Let go, turn by turn, what the contradiction names: within its series first, then altogether."""
        freedom: dict[str, int] = {}
        movable = self.wish.movable
        for turn in range(_TURNS + 1):
            answer = self._ask(freedom, windows, {})
            if isinstance(answer, Answer):
                return self._fewer(answer, windows)
            held = {name for name in movable if freedom.get(name, 0) < FREE}
            if answer.code not in _GOES_ON or not held:
                return answer
            in_the_way = _named_in(answer.reason) & held
            if in_the_way and turn + 1 < _TURNS:
                freedom |= {name: freedom.get(name, 0) + IN_SERIES for name in in_the_way}
            else:
                freedom = dict.fromkeys(movable, FREE)
        return answer

    def _fewer(self, answer: Answer, windows: Mapping[str, str]) -> Answer:
        """Try those that moved unasked back where they were: all at once, then one after the other."""
        moved = self._moved(answer)
        unasked = sorted(moved.keys() - self.wish.open)
        if len(unasked) > 1:
            all_back = self._ask({}, windows, {name: moved[name] for name in moved if name not in unasked})
            if isinstance(all_back, Answer):
                return all_back
        for name in unasked[:_TRIALS]:
            rest = {each: version for each, version in self._moved(answer).items() if each != name}
            other = self._ask({}, windows, rest)
            answer = other if isinstance(other, Answer) else answer
        return answer

    def _moved(self, answer: Answer) -> dict[str, str]:
        """The installed distributions that are another version in an answer, and which."""
        return {
            name: answer.versions[name]
            for name, each in self.wish.installed.items()
            if name in answer.versions and Version(answer.versions[name]) != each.version
        }

    def _ask(self, freedom: Freedom, windows: Mapping[str, str], pinned: Mapping[str, str]) -> Answer | Refused:
        key = repr((sorted(freedom.items()), sorted(windows.items()), sorted(pinned.items())))
        if key not in self._known:
            self._known[key] = self.ask(self.wish.question(freedom, windows, pinned))
        return self._known[key]


def _from(version: Version) -> str:
    """What is new is of the newest major release, if that fits."""
    return within_series(version).partition(",")[0]


def _named_in(reason: str) -> set[str]:
    return {canonicalize_name(word) for word in _WORD.findall(reason)}
