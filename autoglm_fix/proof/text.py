"""Whether a text is one: the cheap signs of a model that repeats itself or speaks in broken bytes."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

# A plain sentence compresses to about 0.7 of its bytes and repeats no 4-gram; "!!!!" to 0.06, all of them.
_REPEATED_4GRAMS, _ENOUGH_FOR_4GRAMS = 0.6, 24
_TOP_TOKEN, _ENOUGH_FOR_TOP = 0.5, 16
_ONE_TOKEN_TIMES = 4
_COMPRESSED, _ENOUGH_BYTES = 0.2, 100
_UNREADABLE, _ENOUGH_CHARS = 0.2, 5
_TAGS = re.compile(r"</?(?:answer|think)>|<\|(?:begin|end)_of_box\|>")


@dataclass(frozen=True)
class Shape:
    """Measures of a generated text, all shares between 0 and 1."""

    distinct: int
    top_token: float
    repeated: float
    compressed: float | None
    unreadable: float


def visible(answer: str) -> str:
    """What a reader sees of an answer: without the tags that models put around it."""
    return _TAGS.sub("", answer).strip()


def shape(ids: Sequence[int], text: str) -> Shape:
    """Measure the tokens and the text that they make."""
    counted = Counter(ids)
    grams = [tuple(ids[at : at + 4]) for at in range(len(ids) - 3)]
    raw = text.encode()
    # The end of a generation may cut a character of up to four bytes.
    cut = min(len(text) - len(text.rstrip("\ufffd")), 3)
    return Shape(
        distinct=len(counted),
        top_token=max(counted.values(), default=0) / max(len(ids), 1),
        repeated=1 - len(set(grams)) / len(grams) if grams else 0.0,
        compressed=len(zlib.compress(raw)) / len(raw) if len(raw) >= _ENOUGH_BYTES else None,
        unreadable=(text.count("\ufffd") - cut) / len(text) if len(text) >= _ENOUGH_CHARS else 0.0,
    )


def repeats(ids: Sequence[int], found: Shape) -> bool:
    """Whether one token or one phrase is said over and over."""
    return (
        (found.distinct == 1 and len(ids) >= _ONE_TOKEN_TIMES)
        or (found.top_token > _TOP_TOKEN and len(ids) >= _ENOUGH_FOR_TOP)
        or (found.repeated > _REPEATED_4GRAMS and len(ids) >= _ENOUGH_FOR_4GRAMS)
        or (found.compressed is not None and found.compressed < _COMPRESSED)
    )


def unreadable(found: Shape) -> bool:
    """Whether the bytes of the tokens are no text."""
    return found.unreadable > _UNREADABLE
