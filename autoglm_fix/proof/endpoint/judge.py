"""The verdict over a service that was asked over its endpoint: raw evidence in, a proof out. Pure."""

from __future__ import annotations

from autoglm_fix.diagnostics import Symptom

from ..claim import Claim, Evidence, blamed, rounded, symptom_of, verdict
from ..result import Check, ClaimStatus, Proof
from ..silence import silence
from .problem import Problem, of_transport, of_trouble
from .reached import NAME, judge_reached
from .said import answer, judge_said, of_text
from .shown import judge_shown_image, judge_shown_weights
from .start import of_start
from .where import described, devices, judge_where

# Unauthorized, forbidden, too many requests.
_NOT_FOR_US = (401, 403, 429)
_CLAIMS = ("tokens", "gpu", "weights")
_TEXT_CHARS = 4000
# Tokens that all come within so few seconds were held back on their way: they show no speed.
_BURST_S = 0.05


def judge_endpoint(evidence: Evidence, *, service: str, require_gpu: bool) -> Proof:
    """Judge what ``agent.proof.ask`` saw, or an error in its place (``error``, ``kind``, ``tail``).

    Verified: endpoint, tokens and gpu passed, weights did not fail, and a model that takes pictures read one.
    """
    kept_from = _kept_from(evidence)
    if kept_from is not None:
        return _unasked(kept_from, service)
    reached = judge_reached(evidence)
    if evidence["main"] is None or of_transport(evidence["main"], evidence) is not None:
        return _unheard(reached, evidence, service)
    claims = [
        reached,
        judge_said(evidence),
        judge_where(evidence, require_gpu=require_gpu),
        judge_shown_weights(evidence),
    ]
    image = judge_shown_image(evidence)
    if image is not None:
        claims.append(image)
    status = verdict(claims)
    causes = blamed(claims, status)
    main = evidence["main"]
    took = (main["last_s"] or 0) - (main["first_s"] or 0)
    took = took if took > _BURST_S else 0.0
    return Proof(
        service=service,
        status=status,
        text=answer(main)[:_TEXT_CHARS],
        tokens=main["tokens"],
        device=", ".join(devices(evidence)) or None,
        gpu=described(evidence),
        first_token_s=rounded(main["first_s"]),
        tokens_per_s=rounded((main["tokens"] - 1) / took) if took > 0 and main["tokens"] > 1 else None,
        checks=tuple(claim.check for claim in claims),
        symptom=symptom_of(causes),
        points_to=tuple(dict.fromkeys(each for claim in causes for each in claim.points_to)),
        code=causes[0].code if causes else None,
        values=causes[0].evidence if causes else {},
    )


def baseline(evidence: Evidence) -> tuple[Symptom, bool]:
    """What a caller of the service saw when ``agent.proof.baseline`` asked, and whether it answers well."""
    if "error" in evidence:
        return ("hang", False) if evidence["kind"] in ("deadline", "stalled") else ("none", False)
    if evidence["trouble"]:
        return of_trouble(evidence["trouble"], "").symptom, False
    canary = evidence["canary"]
    if canary is None:
        return "slow", False
    problem = of_transport(canary, {"url": "", "model": "", **evidence}) or of_text(canary)
    if problem is None or problem.code == "endpoint.cut":  # still reasoning when our few tokens were used up
        return "none", True
    return problem.symptom, False


def is_at_work(evidence: Evidence) -> bool:
    """Whether a service may serve others whatever it said to ``agent.proof.baseline``, so that nothing is its fault.

    It asks for a key that we do not have, turns us away because it is busy, or its engine goes on while we wait.
    """
    if "error" in evidence or evidence["trouble"]:
        return False
    canary = evidence["canary"]
    return bool(evidence["moved"]) or (canary is not None and canary["status"] in _NOT_FOR_US)


def _kept_from(evidence: Evidence) -> Problem | None:
    """Why nothing was asked."""
    quiet = silence(evidence) if "error" in evidence else None
    if quiet is not None:
        status: ClaimStatus = "fail" if quiet.status == "failed" else "unproved"
        return Problem(quiet.code, quiet.symptom, quiet.points_to, quiet.values, status, quiet.tail)
    if evidence["trouble"]:
        return of_trouble(evidence["trouble"], str(evidence["url"]))
    return of_start(evidence["waited"], str(evidence["url"]))


def _unasked(problem: Problem, service: str) -> Proof:
    return _without_answer(problem.claim(NAME, {}), service, problem.tail)


def _unheard(reached: Claim, evidence: Evidence, service: str) -> Proof:
    """Nobody knows what it would have said; the end of its log may say why."""
    return _without_answer(reached, service, tuple((evidence["service"] or {}).get("log") or ()))


def _without_answer(reached: Claim, service: str, tail: tuple[str, ...]) -> Proof:
    nothing = (Check(name, "unproved", {}, "proof.nothing-to-see") for name in _CLAIMS)
    return Proof(
        service=service,
        status="failed" if reached.status == "fail" else "unproved",
        checks=(reached.check, *nothing),
        symptom=reached.symptom,
        points_to=reached.points_to,
        code=reached.code,
        values=reached.evidence,
        tail=tail,
    )
