"""Which tokens end a model's answers, and whether its settings name them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from autoglm_fix.agent.facts.vocabulary import Token, Vocabulary
from autoglm_fix.json_text import Json
from autoglm_fix.knowledge import table

from .generation_rules import is_id

# A byte of a tokenizer with byte fallback is text, though it is written like a marker.
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_MARKER = re.compile(r"[<\[{(（【].+[>\]})）】]", re.DOTALL)


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a family of models marks turns. See knowledge/turns.yml."""

    name: str
    marks: tuple[str, ...]
    stops: tuple[str, ...]
    sure: bool
    source: str


class Turns(msgspec.Struct, frozen=True):
    """The table knowledge/turns.yml, as far as it is about turns."""

    families: tuple[Family, ...]
    openings: tuple[str, ...]


class Stops:
    """What a vocabulary says of ids that end an answer."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Nothing is known of a vocabulary that could not be read."""
        self._vocabulary = vocabulary
        self._turns = table("turns", Turns)
        self._known = vocabulary.state in ("ok", "partial")
        self.end = vocabulary.roles.get("eos_token")
        texts = {token.text for token in vocabulary.tokens}
        self.family = next((each for each in self._turns.families if texts.issuperset(each.marks)), None)

    @property
    def all(self) -> list[int]:
        """The ids that should end this model's answers, best first; empty where nothing tells."""
        found = [] if self.end is None else [self.end]
        for text in self.family.stops if self.family and self._belongs(self.family) else ():
            token = self._vocabulary.token(text)
            if token is not None and token.id not in found:
                found.append(token.id)
        return found

    @property
    def sure(self) -> bool:
        """Whether this model is known to end its turns with its family's tokens."""
        return self.family is not None and self._belongs(self.family)

    def family_ids(self) -> list[int]:
        """The ids of the tokens with which chat models of the family end their turns."""
        tokens = [self._vocabulary.token(text) for text in (self.family.stops if self.family else ())]
        return [token.id for token in tokens if token is not None]

    def exists(self, number: int) -> bool:
        """False only for an id that certainly has no token."""
        if number < 0:
            return False
        return self._vocabulary.state != "ok" or self._vocabulary.token(number) is not None

    def senseless(self, number: int) -> bool:
        """Whether an answer that ends at this token is over before it began, or within a sentence."""
        token = self._vocabulary.token(number)
        if token is None or number == self.end:
            return False
        if token.text in self._turns.openings:
            return True
        if token.added:
            return False
        return _BYTE.fullmatch(token.text) is not None or _MARKER.fullmatch(token.text) is None

    def only_begins(self, number: int) -> bool:
        """Whether the token begins a text and nothing else: it never comes in an answer."""
        return number == self._vocabulary.roles.get("bos_token") and self.end is not None and number != self.end

    def text(self, number: int) -> str:
        """The token's text, or the id where it has none to show."""
        token: Token | None = self._vocabulary.token(number)
        return token.text if token is not None and token.text else str(number)

    def _belongs(self, family: Family) -> bool:
        token = None if self.end is None else self._vocabulary.token(self.end)
        return family.sure or (token is not None and token.text in family.stops)


def stop_ids(value: Json) -> list[int] | None:
    """The ids of an ``eos_token_id``; None for a value that is neither an id nor a list of them."""
    values: Sequence[Json] = value if isinstance(value, list) else [value]
    ids = [each for each in values if isinstance(each, int) and is_id(each)]
    return ids if len(ids) == len(values) else None
