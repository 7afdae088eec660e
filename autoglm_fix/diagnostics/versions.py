"""What findings say that other versions of installed packages would cure."""

from __future__ import annotations

from msgspec import field

from .finding import Finding

__all__ = ["NeedsVersions"]


class NeedsVersions(Finding, frozen=True, kw_only=True):
    """The base of findings that ``pin_versions`` can cure: what has to hold in the service's environment.

    ``requirements`` are in the form of PEP 508 ("transformers>=5", "torch==2.9.1+cu128"). They hold beside all
    that the installed distributions ask for; a finding that names nothing (two distributions that disagree)
    is cured by any versions that agree, so its list may be empty or name what must stay.
    ``indexes`` are further places to look, each ``{"url": ..., "names": [...]}`` with the distributions that
    come from there and nowhere else. ``overrides`` replace what other distributions ask of a name.
    """

    requirements: list[str] = field(default_factory=list)
    indexes: list[dict[str, object]] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
