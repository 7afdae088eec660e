"""What ``verify`` returns: three separate claims, each with its evidence, and the verdict over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from autoglm_fix.diagnostics import Symptom

ClaimStatus = Literal["pass", "fail", "unproved"]
ProofStatus = Literal["verified", "unproved", "failed", "pending"]


@dataclass(frozen=True)
class Check:
    """One claim (``tokens``, ``gpu``, ``weights``, ``image``) and the numbers it rests on.

    ``code`` is ``proof.<reason>`` for a claim that did not pass; its sentence is in the catalogues,
    filled from ``evidence``.
    """

    name: str
    status: ClaimStatus
    evidence: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None


@dataclass(frozen=True)
class Proof:
    """A generation by a service, judged. Times in seconds, ``device`` as torch names it."""

    service: str
    status: ProofStatus
    kind: str = "generate"
    text: str = ""
    tokens: int = 0
    device: str | None = None
    gpu: Mapping[str, Any] = field(default_factory=dict)
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    checks: tuple[Check, ...] = ()
    symptom: Symptom = "none"
    points_to: tuple[str, ...] = ()
    code: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    tail: tuple[str, ...] = ()
