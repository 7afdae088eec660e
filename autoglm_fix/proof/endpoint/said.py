"""The claim ``tokens``: what was said is an answer, and to what was asked just now."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .. import text
from ..claim import Claim, Evidence, percent, rounded
from .problem import Problem

NAME = "tokens"
_OPENS, _CLOSES = ("<think>", "[THINK]"), ("</think>", "[/THINK]")
_WORDS = re.compile(r"[\u3400-\u9fff]|\w+|[^\w\s]")
_LOST = ("endpoint.empty", "endpoint.reasoning-only", "endpoint.lost-in-tools")
_POINTS_TO = ("weights", "tokenizer", "generation_config", "cuda")


def judge_said(evidence: Evidence) -> Claim:
    """Pass: the main answer is readable text, and the word of the moment came back."""
    main, canary, plain = evidence["main"], evidence["canary"], evidence["plain"]
    facts = measured(main)
    problem = of_text(main)
    if problem is not None:
        if plain is not None and of_text(plain) is None:
            problem = _of_streaming(problem)
        return problem.claim(NAME, facts)
    corrupted = _corrupted(evidence)
    if corrupted:
        return Problem("endpoint.not-finite", "garbage", ("weights", "cuda"), {"bad": corrupted}).claim(NAME, facts)
    facts["canary"] = knows_nonce(evidence)
    if facts["canary"]:
        return Claim(NAME, "pass", facts)
    said = answer(canary)[:200]
    values = {"nonce": evidence["asked"]["nonce"], "said": said}
    if said and answer(canary) == answer(main):
        return Problem("endpoint.canned", "garbage", ("service",), values).claim(NAME, facts)
    return Problem("endpoint.no-nonce", "none", ("service", "weights"), values, "unproved").claim(NAME, facts)


def answer(heard: Evidence) -> str:
    """What a reader sees of an answer: without its reasoning, and without tags."""
    return text.visible(_split(heard["content"] or "")[1])


def knows_nonce(evidence: Evidence) -> bool:
    """Whether the word of the moment came back: no cache and no stand-in could know it."""
    canary = evidence["canary"] or {}
    said = (canary.get("content") or "") + (canary.get("reasoning") or "")
    return str(evidence["asked"]["nonce"]) in "".join(said.split())


def of_text(heard: Evidence) -> Problem | None:
    """What is wrong with the text of an answer."""
    seen, thought = answer(heard), _thought(heard)
    found = text.shape(_ids(seen or thought), seen or thought)
    values: dict[str, Any] = {"tokens": heard["tokens"], "finish": heard["finish"] or "?", "limit": heard["limit"]}
    if (seen or thought) and text.repeats(_ids(seen or thought), found):
        share = percent(max(found.repeated, found.top_token))
        return Problem("endpoint.repeats", "garbage", _POINTS_TO, {**values, "share": share})
    if text.unreadable(found):
        share = percent(found.unreadable)
        return Problem("endpoint.unreadable", "garbage", ("tokenizer", "weights"), {**values, "share": share})
    if seen:
        return None
    if thought and heard["finish"] == "length":
        return Problem("endpoint.cut", "cut", (), values, "unproved")
    if heard["tool_calls"]:
        return Problem("endpoint.lost-in-tools", "empty", ("service",), values)
    if thought:
        return Problem("endpoint.reasoning-only", "empty", ("service",), values)
    return Problem("endpoint.empty", "empty", ("generation_config", "tokenizer", "service", "weights"), values)


def measured(heard: Evidence) -> dict[str, Any]:
    """The numbers of an answer."""
    seen = answer(heard)
    found = text.shape(_ids(seen), seen)
    return {
        **{name: heard[name] for name in ("tokens", "pieces", "limit", "finish", "done", "tool_calls")},
        "prompt_tokens": prompt_tokens(heard),
        "reasoning": len(_thought(heard)),
        "first_token_s": rounded(heard["first_s"]),
        "longest_gap_s": rounded(heard["gap_s"]),
        "distinct": found.distinct,
        "repeated": rounded(found.repeated),
        "compressed": rounded(found.compressed),
    }


def prompt_tokens(heard: Evidence | None) -> int | None:
    """How many tokens the server says that the question had."""
    told = ((heard or {}).get("usage") or {}).get("prompt_tokens")
    return told if type(told) is int else None


def _of_streaming(problem: Problem) -> Problem:
    """A problem that only the streamed answer has: with its own settings, or by its parser."""
    if problem.code in _LOST:
        return replace(problem, code="endpoint.lost-streamed", points_to=("service",))
    return replace(problem, points_to=("generation_config",)) if problem.symptom == "garbage" else problem


def _thought(heard: Evidence) -> str:
    return str(heard["reasoning"]) or _split(heard["content"] or "")[0]


def _split(content: str) -> tuple[str, str]:
    """The reasoning that stands before an answer, and the answer. Some templates open it in the prompt already."""
    for mark in _CLOSES:
        if mark in content:
            thought, _, rest = content.partition(mark)
            return thought, rest
    return (content, "") if content.lstrip().startswith(_OPENS) else ("", content)


def _ids(said: str) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(word, len(known)) for word in _WORDS.findall(said)]


def _corrupted(evidence: Evidence) -> int:
    before, after = evidence["counters"]["before"], evidence["counters"]["after"]
    name = "vllm:corrupted_requests_total"
    return int(after.get(name, 0) - before.get(name, 0))
