"""Series of versions: 4.57 of 4.57.6, and 4 of it; the nearest one that a demand admits."""

from __future__ import annotations

from packaging.version import Version

from .question import Answer, Ask, Question, Refused, Sources
from .target import Target

__all__ = ["Window", "nearest", "within_minor", "within_series"]

Window = str


def within_series(version: Version) -> Window:
    """The versions of the same major release; of 0.x, which promises nothing, of the same minor one."""
    if version.major == 0:
        return within_minor(version)
    return _window(version, f"{version.epoch}!{version.major}", f"{version.epoch}!{version.major + 1}")


def within_minor(version: Version) -> Window:
    """The versions from its minor release on, in the same series."""
    start = f"{version.epoch}!{version.major}.{version.minor}"
    end = f"{version.major}.{version.minor + 1}" if version.major == 0 else str(version.major + 1)
    return _window(version, start, f"{version.epoch}!{end}")


def nearest(
    name: str, specifier: str, now: Version | None, target: Target, sources: Sources, ask: Ask
) -> Version | Refused:
    """The newest version of the series that is nearest to ``now`` among those that a specifier admits.

    The next newer series comes before all older ones. Refused where there is no such version at all.
    """

    def best(more: str, *, lowest: bool = False) -> Version | Refused:
        wanted = ",".join(each for each in (specifier, more) if each)
        answer = ask(Question(target, sources, (f"{name}{wanted}",), alone=True, lowest=lowest))
        return Version(answer.versions[name]) if isinstance(answer, Answer) else answer

    found = best("" if now is None else within_series(now))
    if now is None or isinstance(found, Version) or found.code == "no-index":
        return found
    above = best(f">{now.public}", lowest=True)
    return best(within_series(above)) if isinstance(above, Version) else best("")


def _window(version: Version, start: str, end: str) -> Window:
    # Written with its pre-release, which a resolver takes only where it is asked for.
    least = str(version) if version.is_prerelease and version <= Version(start) else start
    return f">={least},<{end}"
