"""The first claim: tokens were produced, and they are an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autoglm_fix.diagnostics import Symptom

from . import text
from .claim import Claim, Evidence, percent, rounded
from .result import ClaimStatus

NAME = "tokens"
# A model's own limit below this leaves no room for an answer.
_ROOM = 16
# How unlikely the model itself finds what it said, as a share of pure chance: 0.1 to 0.3 is usual.
_SALAD = 0.6


def judge_tokens(probe: Evidence) -> Claim:
    """Pass: the main generation gave readable text from finite logits."""
    if probe["main_failure"]:
        return _raised(probe["main_failure"], plain_speaks=_plain_speaks(probe))
    main = probe["main"]
    seen, ids = text.visible(main["answer"]), _body(main)
    found = text.shape(ids, seen)
    evidence: dict[str, Any] = {
        **{name: main[name] for name in ("tokens", "prompt_tokens", "limit", "limited_by", "ended", "reasoning")},
        "template": probe["template"],
        "bad_steps": main["bad_steps"],
        "distinct": found.distinct,
        "top_token": rounded(found.top_token),
        "repeated": rounded(found.repeated),
        "compressed": rounded(found.compressed),
        "unreadable": rounded(found.unreadable),
        "surprise": rounded((probe.get("said") or {}).get("surprise")),
    }
    problem = _problem(main, seen, ids, found)
    if problem is None and (evidence["surprise"] or 0) > _SALAD:
        problem = "salad", "garbage", {"share": percent(evidence["surprise"])}
    if problem is None:
        return Claim(NAME, "pass", evidence)
    reason, symptom, more = problem
    points_to: tuple[str, ...] = ("generation_config", "tokenizer", "weights")
    if (main["limited_by"] and symptom != "garbage") or (_plain_speaks(probe) and reason != "not-finite"):
        points_to = ("generation_config",)
    elif symptom == "garbage":
        points_to = ("weights", "tokenizer", "generation_config")
    if not probe["template"]:
        points_to = ("tokenizer", "generation_config")
    status: ClaimStatus = "unproved" if reason == "cut" else "fail"
    return Claim(NAME, status, {**evidence, **more}, f"proof.{reason}", symptom, points_to)


def _problem(
    main: Evidence, seen: str, ids: Sequence[int], found: text.Shape
) -> tuple[str, Symptom, dict[str, Any]] | None:
    if main["bad_steps"]:
        return "not-finite", "garbage", {}
    if main["limited_by"] and main["limit"] < _ROOM and main["ended"] != "eos":
        return "no-room", "cut" if seen else "empty", {}
    if main["reasoning"] == "open":
        return "cut", "cut", {}
    if not seen:
        return _empty(main), "empty", {}
    if text.repeats(ids, found):
        share = max(found.repeated, found.top_token)
        return "repeats", "garbage", {"share": percent(share)}
    if text.unreadable(found):
        return "unreadable", "garbage", {"share": percent(found.unreadable)}
    return None


def _empty(main: Evidence) -> str:
    if not main["ids"]:
        return "nothing"
    if main["ended"] == "eos" and len(main["ids"]) == 1:
        return "ended-at-once"
    return "only-whitespace" if main["answer"] else "only-special"


def _raised(failure: Evidence, *, plain_speaks: bool) -> Claim:
    evidence = {"error": failure["type"], "message": _first(failure["message"])}
    if failure["type"] == "OutOfMemoryError":
        return Claim(NAME, "unproved", evidence, "proof.out-of-memory")
    if failure["type"] in ("TemplateError", "TemplateSyntaxError", "UndefinedError"):
        return Claim(NAME, "fail", evidence, "proof.template-failed", "refused", ("tokenizer",))
    points_to = ("generation_config",) if plain_speaks else ("generation_config", "tokenizer", "weights")
    return Claim(NAME, "fail", evidence, "proof.generate-raised", "crashed", points_to)


def _plain_speaks(probe: Evidence) -> bool:
    """Whether the same model answered when its own generation settings were left out."""
    canary = probe.get("canary") or {}
    seen = text.visible(canary.get("answer", ""))
    if not seen:
        return False
    found = text.shape(_body(canary), seen)
    return not text.repeats(_body(canary), found) and not text.unreadable(found)


def _body(spoken: Evidence) -> list[int]:
    """The tokens without the one that ends them."""
    ids: list[int] = spoken["ids"]
    return ids[:-1] if spoken["ended"] == "eos" else ids


def _first(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if line.strip()), "")[:300]
