"""One claim as it is judged: a check, and what it means for the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoglm_fix.diagnostics import Symptom

from .result import Check, ClaimStatus, ProofStatus

Evidence = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """A check with its symptom and the diagnostics to look at where it did not pass."""

    name: str
    status: ClaimStatus
    evidence: Evidence = field(default_factory=dict)
    code: str | None = None
    symptom: Symptom = "none"
    points_to: tuple[str, ...] = ()

    @property
    def check(self) -> Check:
        return Check(self.name, self.status, self.evidence, self.code)


def rounded(value: float | None) -> float | None:
    """A number as reports show it."""
    return None if value is None else round(value, 3)


def percent(share: float) -> int:
    """A share as sentences show it."""
    return round(100 * share)


def verdict(claims: Sequence[Claim]) -> ProofStatus:
    """The status over claims: the weights need not be shown, but nothing may speak against them."""
    if any(claim.status == "fail" for claim in claims):
        return "failed"
    needed = [claim for claim in claims if claim.name != "weights"]
    return "verified" if all(claim.status == "pass" for claim in needed) else "unproved"


def blamed(claims: Sequence[Claim], status: ProofStatus) -> list[Claim]:
    """The claims that a verdict rests on, what is said of it first: those that failed, else those that are unproved."""
    if status == "verified":
        return []
    wanted: ClaimStatus = "fail" if status == "failed" else "unproved"
    found = [claim for claim in claims if claim.status == wanted]
    # Wrong weights explain a garbled answer, or an empty one, not the other way round.
    if symptom_of(found) in ("garbage", "empty"):
        found.sort(key=lambda claim: claim.name != "weights")
    return found


def symptom_of(claims: Sequence[Claim]) -> Symptom:
    """The first symptom that any of the claims shows."""
    return next((claim.symptom for claim in claims if claim.symptom != "none"), "none")
