"""The third claim: the intended weights spoke."""

from __future__ import annotations

from typing import Any

from .claim import Claim, Evidence, percent, rounded

NAME = "weights"
# Shares of pure chance, measured: a random model 1.00 and 0.998, a model of 135M parameters 0.25 and 0.19.
_IGNORANT, _KNOWS = 0.8, 0.5
_CERTAIN = 0.6
_POINTS_TO = ("weights",)


def judge_weights(evidence: Evidence) -> Claim:
    """Pass: every tensor was in the files and holds weights, and the model knows language."""
    probe = evidence["probe"]
    told, model = probe["loading"], probe["model"]
    facts: dict[str, Any] = {
        "class": model["class"],
        "dtype": model["dtype"],
        "bytes": model["bytes"],
        "loading": {name: each["count"] for name, each in told.items()},
        "canary": _canary(evidence),
        **_language(probe),
    }
    for kind, code in (
        ("missing_keys", "weights-missing"),
        ("mismatched_keys", "weights-mismatched"),
        ("error_msgs", "weights-errors"),
        ("conversion_errors", "weights-errors"),
    ):
        if told.get(kind, {}).get("count"):
            return _broken(code, facts, told[kind])
    if model["devices"].get("meta"):
        return Claim(NAME, "fail", facts, "proof.weights-not-loaded", "garbage", _POINTS_TO)
    for kind, code in (("nonfinite", "weights-not-finite"), ("constant", "weights-constant")):
        if model[kind]["count"]:
            return _broken(code, facts, model[kind])
    surprise, entropy = facts["surprise"], facts["entropy"]
    if surprise is None:
        return Claim(NAME, "unproved", facts, "proof.weights-not-measured", points_to=_POINTS_TO)
    if surprise > _IGNORANT:
        values = {**facts, "share": percent(surprise)}
        return Claim(NAME, "fail", values, "proof.weights-ignorant", "garbage", ("weights", "tokenizer"))
    if entropy is not None and entropy < _CERTAIN and (facts["canary"] or surprise < _KNOWS):
        return Claim(NAME, "pass", facts)
    return Claim(
        NAME, "unproved", {**facts, "share": percent(surprise)}, "proof.weights-doubtful", points_to=_POINTS_TO
    )


def _broken(code: str, facts: dict[str, Any], which: Evidence) -> Claim:
    values = {**facts, "count": which["count"], "names": which["names"]}
    return Claim(NAME, "fail", values, f"proof.{code}", "garbage", _POINTS_TO)


def _canary(evidence: Evidence) -> bool:
    """Whether the nonce came back: nothing but this model, asked now, could say it."""
    said = (evidence["probe"].get("canary") or {}).get("answer", "")
    return str(evidence["asked"]["nonce"]) in said


def _language(probe: Evidence) -> dict[str, Any]:
    """The measures of the text that the model knows best: no model has to know every language."""
    known = [each for each in (probe.get("language") or {}).values() if each["surprise"] is not None]
    best = min(known, key=lambda each: float(each["surprise"]), default=None)
    if best is None:
        return {"surprise": None, "entropy": None}
    return {"surprise": rounded(best["surprise"]), "entropy": rounded(best["entropy"])}
