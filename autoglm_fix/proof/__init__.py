"""The judgement over a generation: raw evidence from the host to claims. Pure, in the controller."""

from .endpoint import baseline, judge_endpoint
from .judge import judge
from .result import Check, ClaimStatus, Proof, ProofStatus

__all__ = ["Check", "ClaimStatus", "Proof", "ProofStatus", "baseline", "judge", "judge_endpoint"]
