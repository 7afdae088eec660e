"""A proof in lines: what was answered, how fast, and each claim with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from autoglm_fix.proof import Check, Proof

from .lines import Line, Span, Style
from .words import Advice, Words, shortened

_ANSWER = 160
_TAIL = 10
_STYLE: dict[str, Style] = {"verified": "good", "failed": "bad", "unproved": "warn", "pending": "warn"}
_CLAIM: dict[str, Style] = {"pass": "good", "fail": "bad", "unproved": "warn"}
_NOTHING_TO_SEE = "proof.nothing-to-see"


def proof_lines(
    words: Words,
    proofs: Sequence[Proof],
    labelled: Callable[..., Line],
    advised: Callable[[Advice], str] = lambda advice: advice.text,
) -> Iterator[Line]:
    """The proof of one service; ``proofs`` are those of hosts that ended alike, their numbers as ranges.

    A reason, and what to do about it (``advised``; empty for nothing), is said once.
    """
    proof = proofs[0]
    said: list[str | Span] = [Span(words.name("proof", proof.status), _STYLE[proof.status])]
    if proof.text.strip():
        said += [" ", words.say("report.answer", text=shortened(proof.text, _ANSWER))]
    yield labelled("proof", *said)
    figures = _figures(words, proofs)
    if figures:
        yield labelled("", figures)
    reason = words.reason(proof)
    seen = {""} if reason is None else {"", reason}
    hints = [words.hint(proof), *(words.hint(check) for check in proof.checks if words.reason(check) == reason)]
    if reason:
        yield labelled("", reason)
        yield from _advices(hints, seen, labelled, advised)
    for (_, own), checks in _alike(words, proof).items():
        yield labelled("", *_claims(words, checks, "" if own in seen else own))
        seen.add(own)
        yield from _advices(map(words.hint, checks), seen, labelled, advised)
    if proof.points_to:
        yield labelled("", words.say("report.points-to", diagnostics=words.joined(proof.points_to)))
    for text in proof.tail[-_TAIL:]:
        yield labelled("", Span(f"| {text}", "faint"))


def _advices(
    hints: Iterable[Advice], seen: set[str], labelled: Callable[..., Line], advised: Callable[[Advice], str]
) -> Iterator[Line]:
    for text in map(advised, hints):
        if text not in seen:
            seen.add(text)
            yield labelled("", Span(text, "faint"))


def _alike(words: Words, proof: Proof) -> dict[tuple[str, str], list[Check]]:
    """Claims of the same status and reason, those that passed first. That there was nothing to see is no reason."""
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in sorted(proof.checks, key=lambda check: check.status != "pass"):
        reason = words.reason(check)
        own = "" if reason is None or _nothing_else(check, proof) else reason
        # Never let a CPU's answer read like a GPU's.
        status = check.name if "allowed_by" in check.evidence else check.status
        groups.setdefault((status, own), []).append(check)
    return groups


def _nothing_else(check: Check, proof: Proof) -> bool:
    codes = {proof.code, *(each.code for each in proof.checks)}
    return check.code == _NOTHING_TO_SEE and not codes <= {None, _NOTHING_TO_SEE}


def _claims(words: Words, checks: Sequence[Check], reason: str) -> list[str | Span]:
    status, evidence = checks[0].status, checks[0].evidence
    if status == "pass" and "allowed_by" in evidence:
        return [Span(words.say("report.claim-allowed", **evidence), "warn")]
    names = words.joined(words.name("claim", check.name) for check in checks)
    said: list[str | Span] = [names, words.colon, Span(words.name("check", status), _CLAIM[status])]
    return [*said, words.colon, reason] if reason else said


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
