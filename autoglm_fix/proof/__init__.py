"""The judgement over a generation: raw evidence from the host to claims. Pure, in the controller.

What judges is imported when there is something to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .result import Check, ClaimStatus, Proof, ProofStatus

if TYPE_CHECKING:
    from autoglm_fix.diagnostics import Symptom

__all__ = ["Check", "ClaimStatus", "Proof", "ProofStatus", "baseline", "is_at_work", "judge", "judge_endpoint"]


def judge(evidence: Mapping[str, Any], *, service: str, require_gpu: bool) -> Proof:
    """The verdict over a generation in the service's own Python; see ``proof.verdict``."""
    from . import verdict

    return verdict.judge(evidence, service=service, require_gpu=require_gpu)


def judge_endpoint(evidence: Mapping[str, Any], *, service: str, require_gpu: bool) -> Proof:
    """The verdict over a service that was asked over its endpoint; see ``proof.endpoint``."""
    from . import endpoint

    return endpoint.judge_endpoint(evidence, service=service, require_gpu=require_gpu)


def baseline(evidence: Mapping[str, Any]) -> tuple[Symptom, bool]:
    """What a caller of the service saw before anything was changed, and whether it answers well."""
    from . import endpoint

    return endpoint.baseline(evidence)


def is_at_work(evidence: Mapping[str, Any]) -> bool:
    """Whether a service may serve others whatever it said when it was asked for its ``baseline``."""
    from . import endpoint

    return endpoint.is_at_work(evidence)
