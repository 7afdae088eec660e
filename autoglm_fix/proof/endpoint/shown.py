"""The claims ``weights`` and ``image``, as far as they can be seen from outside."""

from __future__ import annotations

from typing import Any

from ..claim import Claim, Evidence, rounded
from ..image import was_read
from .problem import Problem, of_transport
from .said import answer, knows_nonce, prompt_tokens

# The mean chance, as a logarithm, that a model gives its own words: a trained one is above -1.
_IGNORANT, _KNOWS = -4.0, -2.0
# A picture takes at least so many tokens of a prompt: its marks alone take fewer.
_PICTURE_TOKENS = 16


def judge_shown_weights(evidence: Evidence) -> Claim:
    """Pass: the model gives its own words a good chance, and says what only one who was asked can say."""
    logprob = (evidence["plain"] or {}).get("logprob")
    facts: dict[str, Any] = {"canary": knows_nonce(evidence), "logprob": rounded(logprob)}
    if logprob is not None and logprob < _IGNORANT:
        return Problem("endpoint.weights-ignorant", "garbage", ("weights", "tokenizer")).claim("weights", facts)
    if logprob is not None and logprob > _KNOWS and facts["canary"]:
        return Claim("weights", "pass", facts)
    return Problem("endpoint.weights-not-shown", points_to=("weights",), status="unproved").claim("weights", facts)


def judge_shown_image(evidence: Evidence) -> Claim | None:
    """Pass: number and colour were read. None where nothing says that the model takes pictures."""
    heard, sure = evidence["image"], evidence["vision"] is True
    if heard is None:
        return Problem("endpoint.image-not-asked", status="unproved").claim("image", {}) if sure else None
    problem = of_transport(heard, evidence)
    if problem is not None:
        values = {"status": heard["status"] or 0, "message": problem.values.get("message") or heard["said"] or "?"}
        if heard["error"]:
            return problem.claim("image", {}) if sure else None
        return (
            Problem("endpoint.image-refused", "refused", ("service", "tokenizer"), values).claim("image", {})
            if sure
            else None
        )
    with_it, without = prompt_tokens(heard), prompt_tokens(evidence["blind"])
    grown = with_it - without if with_it is not None and without is not None else None
    said = answer(heard)
    number, colour = was_read(said, evidence["asked"])
    facts = {"grown": grown, "number_read": number, "colour_read": colour, "said": said[:200]}
    facts.update(asked_number=evidence["asked"]["number"], asked_colour=evidence["asked"]["colour"])
    if number and colour:
        return Claim("image", "pass", facts)
    if grown is not None and grown < _PICTURE_TOKENS:
        dropped = Problem("endpoint.image-dropped", "none", ("dependencies", "tokenizer", "service"))
        return dropped.claim("image", facts) if sure else None
    if not sure and grown is None:
        return None
    return Problem("endpoint.image-misread", points_to=("weights", "dependencies"), status="unproved").claim(
        "image", facts
    )
