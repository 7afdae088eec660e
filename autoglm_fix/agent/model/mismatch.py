"""An index and a shard that name different tensors."""

from __future__ import annotations

from ..formats import clean
from .index import Disagreement

_SHOWN = 5


def mismatch(shard: str, absent: set[str], unlisted: set[str]) -> Disagreement:
    """What only one of them has: ``absent`` is promised and not there, ``unlisted`` the other way round."""
    shown = [[clean(each) for each in sorted(names)[:_SHOWN]] for names in (absent, unlisted)]
    return Disagreement(shard, len(absent), shown[0], len(unlisted), shown[1])
