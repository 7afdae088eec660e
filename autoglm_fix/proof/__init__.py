"""The judgement over a generation: raw evidence from the host to claims. Pure, in the controller."""

from .endpoint import baseline, is_at_work, judge_endpoint
from .judge import judge
from .result import Check, ClaimStatus, Proof, ProofStatus

__all__ = ["Check", "ClaimStatus", "Proof", "ProofStatus", "baseline", "is_at_work", "judge", "judge_endpoint"]
