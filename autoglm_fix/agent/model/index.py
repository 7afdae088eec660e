"""The index of a model in shards: what it promises, and where shards say otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Dict, Iterable, Set

from ..formats import clean


@dataclass(frozen=True)
class Disagreement:
    """Index and shard differ: how many tensors only one of them has, with the first few names."""

    shard: str
    absent: int
    absent_names: list[str]
    unlisted: int
    unlisted_names: list[str]


@dataclass(frozen=True)
class Index:
    """``*.index.json``: which shard holds which tensor. ``problem`` is empty where it parses.

    ``shards`` maps each shard's file name to the number of tensors that the index puts there;
    ``total_size`` is in bytes, None where it does not say.
    """

    name: str
    problem: str = ""
    shards: dict[str, int] = field(default_factory=dict)
    total_size: int | None = None
    disagreements: list[Disagreement] = field(default_factory=list)


# shard -> names of the tensors that the index puts there
Promised = Dict[str, Set[str]]


def parse_index(name: str, raw: bytes) -> tuple[Index, Promised]:
    """The index in that file; nothing is promised where it cannot be parsed."""
    try:
        said = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as err:
        return Index(name, f"it is not JSON: {clean(str(err))}"), {}
    listed = said.get("weight_map") if isinstance(said, dict) else None
    if not isinstance(listed, dict) or not listed:
        return Index(name, "it has no weight_map"), {}
    promised: Promised = {}
    for tensor, shard in listed.items():
        if not isinstance(shard, str) or not _is_below(shard):
            return Index(name, f"its entry for {clean(tensor)} names no file of this folder"), {}
        promised.setdefault(shard, set()).add(tensor)
    metadata = said.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    whole = int(total) if isinstance(total, (int, float)) and 0 <= total < 1 << 62 else None
    return Index(name, "", {shard: len(names) for shard, names in sorted(promised.items())}, whole), promised


def disagreement(shard: str, promised: Iterable[str], found: Iterable[str]) -> Disagreement | None:
    """How index and shard differ, None where they agree."""
    wanted, there = set(promised), set(found)
    if wanted == there:
        return None
    from .mismatch import mismatch

    return mismatch(shard, wanted - there, there - wanted)


def _is_below(name: str) -> bool:
    plain = name.isprintable() and len(name) < 256
    return plain and not name.startswith("/") and all(part not in ("", ".", "..") for part in name.split("/"))
