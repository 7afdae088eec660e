"""Which values of generation settings an engine takes, and which of those make sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from autoglm_fix.json_text import Json
from autoglm_fix.knowledge import table

Kind = Literal["number", "whole", "count", "flag", "ids", "id", "words", "stopping", "unset"]
_KINDS = {
    "number": "number",
    "whole": "integer",
    "count": "integer",
    "flag": "true | false",
    "ids": "[token id, ...]",
    "id": "token id",
    "words": "[[token id, ...], ...]",
    "stopping": 'true | false | "never"',
    "unset": "null",
}


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from", "except_": "except"}):
    """A range of values.

    ``when`` the setting counts only for sampling or beams; a ``tolerant`` engine takes any type.
    """

    from_: float | None = None
    to: float | None = None
    above: float | None = None
    below: float | None = None
    except_: tuple[float, ...] = ()
    within: Literal["", "vocabulary"] = ""
    when: Literal["", "sampling", "beams"] = ""
    tolerant: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number lies in the range; NaN and the infinities never do."""
        return (
            (isinstance(value, int) or math.isfinite(value))
            and (self.from_ is None or value >= self.from_)
            and (self.to is None or value <= self.to)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and value not in self.except_
        )

    def shown(self, kind: str) -> str:
        """The range in signs: "number > 0, <= 1"."""
        signs = ((">=", self.from_), (">", self.above), ("<=", self.to), ("<", self.below))
        parts = [f"{sign} {limit:g}" for sign, limit in signs if limit is not None]
        parts += [f"!= {value:g}" for value in self.except_]
        return f"{_KINDS[kind]} {', '.join(parts)}".strip()


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting: its type, what each engine accepts, and what is sane. See knowledge/generation.yml."""

    name: str
    type: Kind
    accepts: dict[str, Bounds]
    sane: Bounds = Bounds()


class Room(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens that an answer and a prompt have at least; below ``short`` answers are cut."""

    answer: int
    prompt: int
    short: int


class Rules(msgspec.Struct, frozen=True):
    """The table knowledge/generation.yml."""

    sources: dict[str, str]
    settings: tuple[Setting, ...]
    room: Room


def rules() -> Rules:
    """The table of settings."""
    return table("generation", Rules)


def fits(kind: Kind, value: Json) -> bool:
    """Whether a value has the type that a setting wants."""
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "count":
        return is_id(value) or (isinstance(value, float) and value.is_integer())
    if kind in ("whole", "id"):
        return is_id(value)
    if kind == "ids":
        return isinstance(value, list) and all(is_id(each) for each in value)
    if kind == "words":
        return isinstance(value, list) and bool(value) and all(fits("ids", each) for each in value)
    if kind == "stopping":
        return isinstance(value, bool) or value == "never"
    return not value


def is_id(value: Json) -> bool:
    """Whether it is an integer (true and false are none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def counts(bounds: Bounds, values: Mapping[str, Json]) -> bool:
    """Whether the setting has an effect among these others."""
    if bounds.when == "sampling":
        return bool(values.get("do_sample"))
    if bounds.when == "beams":
        beams = values.get("num_beams")
        return isinstance(beams, int) and beams > 1
    return True
