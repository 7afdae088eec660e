"""What the installed distributions ask for of each other, as their metadata says. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from autoglm_fix.agent.facts.environment import Distribution, Environment

Verdict = Literal["fits", "missing", "conflict", "unclear"]
# No line of metadata is longer; a number may have as many digits at most.
LONGEST_LINE = 4000


@dataclass(frozen=True)
class Need:
    """One requirement that is in force: who asks, for what (``name`` is its normal name)."""

    by: Distribution
    requirement: Requirement
    name: str

    @property
    def text(self) -> str:
        """The requirement without its marker: "transformers<5,>=4.56.0"."""
        extras = f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""
        where = f" @ {self.requirement.url}" if self.requirement.url else ""
        return f"{self.requirement.name}{extras}{self.requirement.specifier}{where}"

    @property
    def shown(self) -> str:
        """Who needs what: "vllm 0.17.1: transformers<5,>=4.56.0"."""
        return f"{self.by.name} {self.by.version}: {self.text}"


def version_of(text: str) -> Version | None:
    """A version, None for what is none."""
    try:
        return Version(text)
    except ValueError:  # no version, or one of more digits than a number may have
        return None


def within(version: str, specifier: str) -> bool:
    """Whether an installed version, final or not, lies in a range; what is no version lies in none."""
    read = version_of(version)
    return read is not None and SpecifierSet(specifier).contains(read, prereleases=True)


def leaves_room(requirement: Requirement, floors: Iterable[str]) -> bool:
    """Whether a requirement can hold beside floors ("transformers>=4.53.0") of the same name."""
    for line in floors:
        name, _, least = line.partition(">=")
        if canonicalize_name(requirement.name) == name and not _reaches(requirement.specifier, Version(least)):
            return False
    return True


def _reaches(specifier: SpecifierSet, floor: Version) -> bool:
    for each in specifier:
        if each.operator in ("<", "<=", "==", "~=") and not each.contains(floor, prereleases=True):
            at = version_of(each.version.rstrip(".*"))
            if each.operator.startswith("<") or at is None or at < floor:
                return False
    return True


@dataclass(frozen=True)
class Closure:
    """What is needed: the way from a root to each distribution, and all requirements in force on the way."""

    paths: dict[str, tuple[str, ...]]
    needs: list[Need]


class Tree:
    """The distributions of an environment that an import would find, and what they need."""

    def __init__(self, environment: Environment) -> None:
        self.installed: dict[str, Distribution] = {}
        self.unreadable: dict[str, list[str]] = {}
        self._markers = environment.markers
        self._lines: dict[tuple[str, bool], list[Requirement]] = {}
        self._parsed: dict[str, Requirement | None] = {}
        self._versions: dict[str, Version | None] = {}
        for each in environment.distributions:
            if not each.shadowed:
                self.installed.setdefault(canonicalize_name(each.name), each)

    def version(self, name: str) -> str | None:
        """What is installed of that name, None for nothing."""
        found = self.installed.get(name)
        return None if found is None else found.version

    def needs(self, name: str, extra: str = "") -> Iterator[Need]:
        """What an installed distribution needs on this Python; with an extra, what that adds."""
        by = self.installed[name]
        environment = {**self._markers, "extra": extra}
        for requirement in self._requirements(name, of_extras=bool(extra)):
            try:
                counts = requirement.marker is None or requirement.marker.evaluate(environment)
            except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
                counts = False
            if counts:
                yield Need(by, requirement, canonicalize_name(requirement.name))

    def closure(self, roots: Iterable[tuple[str, str]], known: Iterable[str] = ()) -> Closure:
        """All that these roots (name, extra) need, and what those need in turn, each thing once.

        What is ``known`` is not followed again.
        """
        found = Closure({}, [])
        waiting: deque[tuple[str, str, tuple[str, ...]]] = deque((name, extra, (name,)) for name, extra in roots)
        done = {(name, "") for name in known}
        while waiting:
            name, extra, path = waiting.popleft()
            if (name, extra) in done or name not in self.installed:
                continue
            done.add((name, extra))
            if extra:
                waiting.append((name, "", path))
            if name not in found.paths:
                found.paths[name] = path
            for need in self.needs(name, extra):
                found.needs.append(need)
                below = (*path, need.name) if need.name != name else path
                waiting.append((need.name, "", below))
                waiting += [(need.name, canonicalize_name(each), below) for each in sorted(need.requirement.extras)]
        return found

    def judge(self, need: Need) -> Verdict:
        """Whether what is installed is what is needed; ``unclear`` where its version is none."""
        there = self.installed.get(need.name)
        if there is None:
            return "missing"
        specifier = need.requirement.specifier
        if need.requirement.url or not specifier:
            return "fits"
        if need.name not in self._versions:
            self._versions[need.name] = version_of(there.version)
        version = self._versions[need.name]
        if version is None:
            return "unclear"
        return "fits" if specifier.contains(version, prereleases=True) else "conflict"

    def _requirements(self, name: str, *, of_extras: bool) -> list[Requirement]:
        """Its lines that name an extra, or those that name none: most belong to extras that nobody asks for."""
        key = (name, of_extras)
        if key not in self._lines:
            lines = (line for line in self.installed[name].requires if ("extra" in line.partition(";")[2]) is of_extras)
            self._lines[key] = [read for read in (self._read(name, line) for line in lines) if read is not None]
        return self._lines[key]

    def _read(self, name: str, line: str) -> Requirement | None:
        if line not in self._parsed:
            try:
                self._parsed[line] = Requirement(line) if len(line) <= LONGEST_LINE else None
            except InvalidRequirement:
                self._parsed[line] = None
        found = self._parsed[line]
        if found is None:
            self.unreadable.setdefault(name, []).append(line)
        return found
