"""Which of a folder's files an engine would load as the weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterable, Mapping

from .index import Index

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
        if ours and indexes[ours[0]].shards:
            return list(indexes[ours[0]].shards), ours[0]
        if ours or some:
            from .shards import whole_set

            return whole_set(some), ours[0] if ours else None
    return files, None
