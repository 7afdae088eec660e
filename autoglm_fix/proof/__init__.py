"""The judgement over a generation: raw evidence from the host to claims. Pure, in the controller."""

from .judge import beside_the_endpoint, judge
from .result import Check, ClaimStatus, Proof, ProofStatus

__all__ = ["Check", "ClaimStatus", "Proof", "ProofStatus", "beside_the_endpoint", "judge"]
