"""The fourth claim, of models that take pictures: the picture reached the model, and it was read."""

from __future__ import annotations

from typing import Any

from .claim import Claim, Evidence
from .text import visible

NAME = "image"
# Marks around a picture in the prompt, and what templates add to them.
_MARKS = 24
_COLOURS = {
    "red": ("red", "红"),
    "green": ("green", "绿"),
    "blue": ("blue", "蓝"),
    "orange": ("orange", "橙", "橘"),
}


def judge_image(evidence: Evidence) -> Claim:
    """Pass: the prompt grew by the picture's tokens, and number and colour were read.

    A number that was not read leaves the claim unproved: small models do not read.
    """
    probe, asked = evidence["probe"], evidence["asked"]
    seen = probe.get("image") or {}
    failure = probe["image_failure"]
    facts: dict[str, Any] = {name: seen.get(name) for name in ("processor", "expected", "placed", "grown")}
    if failure and "grown" not in seen:
        values = {**facts, "error": failure["type"], "message": _words(failure)}
        code = "proof.image-refused" if "processor" in seen else "proof.image-no-processor"
        return Claim(NAME, "fail", values, code, "refused", ("tokenizer",))
    if _dropped(facts):
        return Claim(NAME, "fail", facts, "proof.image-dropped", points_to=("tokenizer",))
    if failure:
        values = {**facts, "error": failure["type"], "message": _words(failure)}
        return Claim(NAME, "fail", values, "proof.image-raised", "crashed", ("weights",))
    said = visible(seen["answer"])
    number, colour = was_read(said, asked)
    facts.update(asked_number=asked["number"], asked_colour=asked["colour"], number_read=number, colour_read=colour)
    facts["said"] = said[:200]
    if number and colour:
        return Claim(NAME, "pass", facts)
    return Claim(NAME, "unproved", facts, "proof.image-misread", points_to=("weights",))


def was_read(said: str, asked: Evidence) -> tuple[bool, bool]:
    """Whether the number and the colour that were shown are in what was said."""
    number = str(asked["number"]) in said.replace(" ", "").replace(",", "")
    return number, any(word in said.lower() for word in _COLOURS[asked["colour"]])


def _dropped(facts: dict[str, Any]) -> bool:
    expected, placed, grown = facts["expected"], facts["placed"], facts["grown"]
    if expected is None:
        return bool(grown <= 0)
    if placed is not None:
        return bool(placed != expected)
    return not expected <= grown <= expected + _MARKS


def _words(failure: Evidence) -> str:
    lines = [line.strip() for line in failure["message"].splitlines() if line.strip()]
    return " ".join(lines)[:300]
