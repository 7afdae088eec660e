"""What a path or a hub's id calls a model, and when two names mean the same one."""

from __future__ import annotations

import re

# Names of places, which say nothing of the model in them.
_PLACES = re.compile(
    r"(hf_?)?(models?|weights?|ckpts?|checkpoints?(-\d+)?|snapshots?|cache|hub|huggingface|modelscope|latest|current"
    r"|main|master|default|final|merged|base|output|outputs|data|srv|mnt|opt|app|v?\d[\d._]*|[0-9a-f]{40})",
    re.IGNORECASE,
)
_FAMILIES = ("glm", "qwen", "llama", "gemma", "mistral", "mixtral")


def called(path: str) -> str:
    """The last part of a path, or of an id, that names a model; empty where none does."""
    for part in reversed(path.split("/")):
        if part.startswith("models--"):
            return hub_id(part).rpartition("/")[2]
        if part and not _PLACES.fullmatch(part):
            return part
    return ""


def hub_id(folder: str) -> str:
    """``org/name`` of a hub cache's folder ``models--org--name``."""
    org, dashes, name = folder[len("models--") :].partition("--")
    return f"{org}/{name}" if dashes else org


def alike(one: str, other: str) -> bool:
    """Whether two names differ in case and punctuation at most (ModelScope writes a dot as ``___``)."""
    return bool(_plain(one)) and _plain(one) == _plain(other)


def related(name: str, model_type: str) -> bool:
    """False where a name and an architecture tell of different families of models."""
    named = {family for family in _FAMILIES if family in name.lower()}
    built = {family for family in _FAMILIES if family in model_type.lower()}
    return not named or not built or bool(named & built)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())
