"""A proof in lines: what was answered, how fast, and each claim with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from autoglm_fix.proof import Check, Proof

from .lines import Line, Span, Style
from .words import Words, shortened

_ANSWER = 160
_TAIL = 10
_STYLE: dict[str, Style] = {"verified": "good", "failed": "bad", "unproved": "warn", "pending": "warn"}
_CLAIM: dict[str, Style] = {"pass": "good", "fail": "bad", "unproved": "warn"}


def proof_lines(words: Words, proofs: Sequence[Proof], labelled: Callable[..., Line]) -> Iterator[Line]:
    """The proof of one service; ``proofs`` are those of hosts that ended alike, their numbers as ranges."""
    proof = proofs[0]
    said: list[str | Span] = [Span(words.name("proof", proof.status), _STYLE[proof.status])]
    if proof.text.strip():
        said += [" ", words.say("report.answer", text=shortened(proof.text, _ANSWER))]
    yield labelled("proof", *said)
    figures = _figures(words, proofs)
    if figures:
        yield labelled("", figures)
    reason = words.reason(proof)
    if reason:
        yield labelled("", reason)
    for check in sorted(proof.checks, key=lambda check: check.status != "pass"):
        yield labelled("", *_claim(words, check))
    if proof.points_to:
        yield labelled("", words.say("report.points-to", diagnostics=words.joined(proof.points_to)))
    for text in proof.tail[-_TAIL:]:
        yield labelled("", Span(f"| {text}", "faint"))


def _claim(words: Words, check: Check) -> list[str | Span]:
    if check.status == "pass" and "allowed_by" in check.evidence:
        # Never let a CPU's answer read like a GPU's.
        return [Span(words.say("report.claim-allowed", **check.evidence), "warn")]
    name = words.name("claim", check.name)
    said: list[str | Span] = [name, words.colon, Span(words.name("check", check.status), _CLAIM[check.status])]
    reason = words.reason(check)
    if reason:
        said += [words.colon, reason]
    text = words.hint(check).text
    return said if not text else [*said, " ", Span(text, "faint")]


def _figures(words: Words, proofs: Sequence[Proof]) -> str:
    """``12 tokens on cuda:0, the first after 0.3 s, 41.0 tokens/s``: what is known of it."""
    devices = list(dict.fromkeys(proof.device for proof in proofs if proof.device))
    tokens = [proof.tokens for proof in proofs]
    said = []
    if any(tokens):
        counted = words.count("report.tokens", max(tokens), span=_span(map(float, tokens), 0))
        said.append(words.say("report.on-device", tokens=counted, device=words.joined(devices)) if devices else counted)
    first = [proof.first_token_s for proof in proofs if proof.first_token_s is not None]
    if first:
        said.append(words.say("report.first-token", seconds=_span(first, 2)))
    speed = [proof.tokens_per_s for proof in proofs if proof.tokens_per_s is not None]
    if speed:
        said.append(words.say("report.speed", tokens_per_s=_span(speed, 1)))
    return words.joined(said) if said else ""


def _span(numbers: Iterable[float], digits: int) -> str:
    shown = [f"{number:.{digits}f}" for number in sorted(numbers)]
    return shown[0] if shown[0] == shown[-1] else f"{shown[0]}-{shown[-1]}"
