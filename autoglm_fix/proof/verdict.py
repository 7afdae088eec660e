"""The verdict over a generation: raw evidence in, a proof out. Pure."""

from __future__ import annotations

from .claim import Evidence, blamed, rounded, symptom_of, verdict
from .gpu import described, judge_gpu
from .image import judge_image
from .result import Check, ClaimStatus, Proof
from .silence import Silence, silence
from .text import visible
from .tokens import judge_tokens
from .weights import judge_weights

_CLAIMS = ("tokens", "gpu", "weights")
_OF_THE_WEIGHTS = ("proof.load-failed", "proof.no-model", "proof.pickled-weights")
_TEXT_CHARS = 4000


def judge(evidence: Evidence, *, service: str, require_gpu: bool) -> Proof:
    """Judge what ``agent.proof.prove`` saw, or an error in its place (``error``, ``kind``, ``tail``).

    Verified: tokens and gpu passed, weights did not fail, and a model that takes pictures read one.
    """
    quiet = silence(evidence)
    if quiet is not None:
        return _silent(quiet, service)
    probe = evidence["probe"]
    claims = [judge_tokens(probe), judge_gpu(evidence, require_gpu=require_gpu), judge_weights(evidence)]
    if probe["vision"]:
        claims.append(judge_image(evidence))
    status = verdict(claims)
    causes = blamed(claims, status)
    main = probe.get("main") or {}
    text = visible(main.get("answer", ""))
    return Proof(
        service=service,
        status=status,
        text=text[:_TEXT_CHARS],
        tokens=main.get("tokens", 0),
        device=", ".join(sorted(probe["model"]["devices"])),
        gpu=described(evidence),
        first_token_s=rounded(main.get("first_token_s")),
        tokens_per_s=rounded(main.get("tokens_per_s")),
        checks=tuple(claim.check for claim in claims),
        symptom=symptom_of(causes),
        points_to=tuple(dict.fromkeys(each for claim in causes for each in claim.points_to)),
        code=causes[0].code if causes else None,
        values=causes[0].evidence if causes else {},
        tail=tuple((probe.get("main_failure") or {}).get("tail", ())),
    )


def _silent(quiet: Silence, service: str) -> Proof:
    status: ClaimStatus = "fail" if quiet.status == "failed" else "unproved"
    spoken = {"tokens", "weights"} if quiet.code in _OF_THE_WEIGHTS else {"tokens"}
    checks = (
        Check(name, status, quiet.values, quiet.code)
        if name in spoken
        else Check(name, "unproved", {}, "proof.nothing-to-see")
        for name in _CLAIMS
    )
    return Proof(
        service=service,
        status=quiet.status,
        checks=tuple(checks),
        symptom=quiet.symptom,
        points_to=quiet.points_to,
        code=quiet.code,
        values=quiet.values,
        tail=quiet.tail,
    )
