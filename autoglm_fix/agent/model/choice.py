"""Which of a folder's files an engine would load as the weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterable, Mapping

from .index import Index

_NUMBERED = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})(\.[a-z]+)$")
_SUFFIXES = {
    "safetensors": (".safetensors",),
    "torch": (".bin", ".pth", ".pt"),
    "gguf": (".gguf",),
}
# First come those that the engines ask for by name.
_PREFERRED = {
    "safetensors": ("model", "adapter_model", "consolidated", ""),
    "torch": ("pytorch_model", "adapter_model", "consolidated", "model", ""),
    "gguf": ("",),
}
_SINGLE = {"safetensors": "model.safetensors", "torch": "pytorch_model.bin", "gguf": ""}
_INDEX_ENDS = {"safetensors": ".safetensors.index.json", "torch": ".bin.index.json", "gguf": "/"}
_NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|rng_state|random_states|scaler|mmproj|tokenizer|spiece)")
_MOST_SHARDS = 1000


@dataclass(frozen=True)
class Choice:
    """``used`` are the weight files in order, present or not; ``index`` the index that names them."""

    format: str = ""
    used: list[str] = field(default_factory=list)
    index: str | None = None
    formats: list[str] = field(default_factory=list)


def weight_format(name: str) -> str:
    """The format that a file's name promises, empty for one that is no weight file."""
    if _NO_WEIGHTS.match(name):
        return ""
    return next((form for form, ends in _SUFFIXES.items() if name.endswith(ends)), "")


def is_index(name: str) -> bool:
    """Whether a file of that name says which shard holds which tensor."""
    return name.endswith((_INDEX_ENDS["safetensors"], _INDEX_ENDS["torch"]))


def choose(names: Iterable[str], indexes: Mapping[str, Index], engine: str) -> Choice:
    """What the engine would load of a folder with files of these names."""
    held: dict[str, list[str]] = {form: [] for form in _SUFFIXES}
    for name in sorted(names):
        form = weight_format(name)
        if form:
            held[form].append(name)
    for form, end in _INDEX_ENDS.items():
        if any(name.endswith(end) for name in indexes):
            held[form] = held[form] or [""]
    formats = [form for form, files in held.items() if files]
    if not formats:
        return Choice()
    form = "gguf" if engine in ("llama.cpp", "ollama") and held["gguf"] else formats[0]
    used, index = _used(form, [name for name in held[form] if name], indexes)
    return Choice(form, used, index, formats)


def _used(form: str, files: list[str], indexes: Mapping[str, Index]) -> tuple[list[str], str | None]:
    if _SINGLE[form] in files:
        return [_SINGLE[form]], None
    for preferred in _PREFERRED[form]:
        ours = [name for name in sorted(indexes) if name.startswith(preferred) and name.endswith(_INDEX_ENDS[form])]
        some = [name for name in files if name.startswith(preferred)]
        for name in ours:
            return list(indexes[name].shards) or whole_set(some), name
        if some:
            return whole_set(some), None
    return files, None


def whole_set(names: Iterable[str]) -> list[str]:
    """The files with those that their numbering (``-00001-of-00003``) promises besides.

    Where one numbering is complete, shards of another one are remains and left out.
    """
    there = set(names)
    sets: dict[tuple[str, str, str], set[str]] = {}
    for name in there:
        match = _NUMBERED.match(name)
        if match and int(match[3]) <= _MOST_SHARDS:
            all_of_it = {f"{match[1]}-{at:05d}-of-{match[3]}{match[4]}" for at in range(1, int(match[3]) + 1)}
            sets[match[1], match[3], match[4]] = all_of_it
    complete = [each for each in sets.values() if each <= there]
    remains = set() if not complete else set().union(*sets.values()) - set().union(*complete)
    return sorted((there - remains).union(*(complete or sets.values())))


def is_numbered(name: str) -> bool:
    """Whether the name is that of one shard among several."""
    return _NUMBERED.match(name) is not None
