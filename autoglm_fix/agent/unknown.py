"""The answer of a probe that could not tell."""

from __future__ import annotations

from dataclasses import dataclass


class CannotTell(Exception):
    """Raised by a collector that cannot answer; the fact then reads ``Unknown(reason)``.

    ``reason`` is one English sentence for people, without a final full stop:
    "permission denied reading /models/x". Never raise it for an answer that is "no".
    """


@dataclass(frozen=True)
class Unknown:
    """A fact that could not be read. Diagnostics say "could not tell", never "fine"."""

    reason: str
