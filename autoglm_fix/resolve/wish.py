"""A demand beside what is installed, and the questions that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .installed import Installed, Unmet, admits
from .question import Given, Question, Sources
from .series import within_series
from .target import Target

__all__ = ["ANYWHERE", "FREE", "IN_SERIES", "Freedom", "Wish"]

# How far an installed distribution may move, what is in none of these states not at all. FREE: what a person
# chose is still not taken back to an older series. ANYWHERE: that too.
IN_SERIES, FREE, ANYWHERE = 1, 2, 3
Freedom = Mapping[str, int]

_BUILDS = "https://download.pytorch.org/whl/"


@dataclass(frozen=True)
class Wish:
    """A demand beside what is installed.

    ``verbatim`` holds whatever moves; ``named`` are the names about which the demand is not granted yet.
    ``builds``: whether builds of torch are looked for where they came from.
    """

    target: Target
    sources: Sources
    installed: Mapping[str, Installed]
    unmet: tuple[Unmet, ...]
    verbatim: tuple[Requirement, ...]
    named: frozenset[str]
    overrides: tuple[str, ...] = ()
    builds: bool = True

    @property
    def open(self) -> frozenset[str]:
        """What has to move, or to come."""
        return frozenset(name for name in self.named if name not in self.installed or not self.installed[name].fixed)

    @property
    def movable(self) -> frozenset[str]:
        """What may move where it is in the way."""
        whole = (name for name, each in self.installed.items() if each.movable and not each.broken)
        return frozenset(whole) - self.open

    @property
    def own_sources(self) -> Sources:
        """The sources, with the indexes that installed builds of torch came from."""
        sources = self.sources
        if not self.builds or sources.no_index:
            return sources
        known = {name for _, names in sources.named for name in names}
        more: dict[str, list[str]] = {}
        for name, each in self.installed.items():
            if each.build and name not in known and not self._elsewhere(name):
                more.setdefault(_BUILDS + each.build, []).append(name)
        named = (*sources.named, *((url, tuple(names)) for url, names in more.items()))
        return Sources(sources.default, sources.extra, sources.find_links, named)

    def asked_of(self, name: str) -> str:
        """All that the demand, and those who ask for it in vain, say of a version."""
        lines = [each for each in self.verbatim if canonicalize_name(each.name) == name]
        lines += [each.requirement for each in self.unmet if each.name == name]
        return ",".join(dict.fromkeys(str(each.specifier) for each in lines if str(each.specifier)))

    def depends(self, name: str) -> bool:
        """Whether what is asked of it would change with the versions of others."""
        return any(each.name == name for each in self.unmet)

    def question(self, freedom: Freedom, windows: Mapping[str, str], pinned: Mapping[str, str]) -> Question:
        """Ask with these free, what is open within ``windows``, and some ``pinned``; the rest stays where it is."""
        known = self.installed
        moving = {*self.open, *freedom, *pinned}
        here = sorted(name for name in moving if name in known)
        asked = [str(each) for each in self.verbatim]
        for name in sorted(moving):
            if name in pinned:
                asked.append(f"{name}=={pinned[name]}")
            elif name in self.open:
                asked.append(name + windows.get(name, ""))
            else:
                asked.append(name + self._room(known[name], freedom[name]))
        return Question(
            self.target,
            self.own_sources,
            tuple(dict.fromkeys(asked)),
            held=tuple(self._given(known[name]) for name in sorted(known) if name not in moving),
            free=tuple(self._given(known[name]) for name in here if not known[name].broken),
            again=tuple(self._given(known[name]) for name in here if known[name].broken),
            overrides=self.overrides,
        )

    def _elsewhere(self, name: str) -> bool:
        """Whether the demand itself says which build it wants."""
        return any(canonicalize_name(each.name) == name and "+" in str(each.specifier) for each in self.verbatim)

    def _room(self, each: Installed, freedom: int) -> str:
        window = within_series(each.version)
        if freedom == IN_SERIES:
            return window
        from_here_on = (each.chosen and freedom == FREE) or each.version.is_prerelease
        return window.partition(",")[0] if from_here_on else ""

    def _given(self, each: Installed) -> Given:
        mine = (one for one in self.unmet if one.by.name == each.name and one.name not in self.named)
        given_up = {id(one.requirement) for one in mine}
        asks = []
        for line in each.asks:
            if id(line) in given_up:
                continue
            if line.url:
                line = Requirement(f"{line.name}; {line.marker}" if line.marker else line.name)
            asks.append(str(line))
        python = each.requires_python if admits(each.requires_python, self.target.version) else ""
        return Given(each.name, str(each.version), tuple(asks), each.extras, python)
