"""What is installed, as a resolver has to see it: versions, what each asks for, and what may move."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from autoglm_fix.agent.facts.environment import Distribution, Environment

__all__ = ["Installed", "Unmet", "admits", "applies", "holds", "installed", "own_site", "unmet"]


_OF_TORCH = ("torch", "torchvision", "torchaudio")
_VARIANT = re.compile(r"cu\d{2,3}|cpu|xpu|rocm[\d.]+")
_BUILT = (".whl", ".tar.gz", ".tar.bz2", ".zip")
# No line of metadata is longer; a number may have as many digits at most.
_LONGEST_LINE = 4000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?")
_LONGEST_VERSION = 100


@dataclass(frozen=True)
class Installed:
    """One installed distribution. ``name`` is normalized, ``asks`` are its requirements that can be read.

    ``extras`` are those it provides. ``broken``: its files are not what they should be, there are two of it, or it
    is not made for this Python. ``fixed``: it is somebody's own folder or checkout, which no index has.
    ``direct``: it came from there, or as a file, and not from an index. ``chosen``: nothing installed asks for
    it, so a person did.
    """

    name: str
    version: Version
    asks: tuple[Requirement, ...]
    requires_python: str
    extras: tuple[str, ...]
    broken: bool
    fixed: bool
    direct: bool
    chosen: bool

    @property
    def movable(self) -> bool:
        """Whether it may move where nobody has named it: what an index has by that version."""
        return not self.direct and (self.version.local is None or self.build is not None)

    @property
    def build(self) -> str | None:
        """The variant of a build of torch or its companions ("cu126"), which has an index of its own."""
        local = self.version.local or ""
        return local if self.name in _OF_TORCH and _VARIANT.fullmatch(local) else None


@dataclass(frozen=True)
class Unmet:
    """What an installed distribution asks for and has not got; ``optional`` where only for an extra."""

    by: Installed
    requirement: Requirement
    optional: bool

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    def repeated_by(self, requirement: Requirement) -> bool:
        """Whether that requirement says the same."""
        return canonicalize_name(requirement.name) == self.name and requirement.specifier == self.requirement.specifier


def installed(environment: Environment) -> dict[str, Installed]:
    """What an import would use, by normalized name. Names and versions that are none are left out."""
    parsed = {each.location: tuple(_parsed(each)) for each in environment.distributions}
    asked = {canonicalize_name(line.name) for lines in parsed.values() for line in lines if not _of_extra(line)}
    own = own_site(environment) + "/"
    here = [each for each in environment.distributions if each.location.startswith(own)]
    twice = {canonicalize_name(each.name) for each in here if each.shadowed}
    found: dict[str, Installed] = {}
    for each in environment.distributions:
        name = canonicalize_name(each.name)
        try:
            version = Version(each.version)
        except ValueError:
            continue
        # It becomes the name of a file, and a line of one.
        if each.shadowed or name in found or not _NAME.fullmatch(name) or len(str(version)) > _LONGEST_VERSION:
            continue
        found[name] = Installed(
            name,
            version,
            parsed[each.location],
            _range(each.requires_python or ""),
            tuple(extra for extra in each.extras if _NAME.fullmatch(canonicalize_name(extra))),
            broken=bool(each.problem) or name in twice or not admits(each.requires_python or "", environment.version),
            fixed=each.editable or _own(each.direct_url),
            direct=each.editable or bool(each.direct_url),
            chosen=name not in asked,
        )
    return found


def unmet(found: Mapping[str, Installed], environment: Environment) -> list[Unmet]:
    """Everything that is asked for in vain, extras included."""
    markers = dict(environment.markers)
    return [
        Unmet(each, line, optional=_of_extra(line))
        for each in found.values()
        for line in each.asks
        if applies(line, markers, each.extras) and not _met(line, found)
    ]


def holds(line: Requirement, found: Mapping[str, Installed]) -> bool:
    """Whether a requirement holds already, in a distribution that is whole."""
    there = found.get(canonicalize_name(line.name))
    return there is not None and not there.broken and _met(line, found)


def own_site(environment: Environment) -> str:
    """The folder that the environment itself installs into: not one of the system or of a user's home."""
    inside = environment.prefix.rstrip("/") + "/"
    return next((site for site in environment.site if site.startswith(inside)), "")


def _parsed(each: Distribution) -> Iterator[Requirement]:
    for line in each.requires:
        known = _requirement(line)
        if known is not None:
            yield known


@functools.lru_cache(maxsize=1 << 14)  # the hosts of a fleet have the same lines
def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line) if len(line) <= _LONGEST_LINE else None
    except InvalidRequirement:
        return None


def _range(text: str) -> str:
    """A range of versions, nothing for what is none."""
    try:
        return str(SpecifierSet(text))
    except ValueError:
        return ""


def _own(url: str) -> bool:
    """Whether an origin is a folder or a checkout, as against a file that was built."""
    return "+" in url.partition(":")[0] or (url.startswith("file:") and not url.endswith(_BUILT))


def _of_extra(line: Requirement) -> bool:
    return line.marker is not None and "extra" in str(line.marker)


def applies(line: Requirement, markers: Mapping[str, str], extras: Sequence[str] = ()) -> bool:
    """Whether a requirement counts on that Python, for itself or for one of the extras."""
    if line.marker is None:
        return True
    try:
        return any(line.marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras))
    except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
        return False


def _met(line: Requirement, found: Mapping[str, Installed]) -> bool:
    there = found.get(canonicalize_name(line.name))
    return there is not None and line.specifier.contains(there.version, prereleases=True)


def admits(requires_python: str, version: str) -> bool:
    """Whether a distribution's Requires-Python admits that Python."""
    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except ValueError:
        return True
