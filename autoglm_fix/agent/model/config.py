"""config.json: the few values that weight files can be held against."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ..formats import clean

_LANGUAGE = ("text_config", "llm_config", "language_config")
_PICTURES = ("vision_config", "visual", "vision_tower", "mm_vision_tower", "image_token_id", "image_token_index")


@dataclass(frozen=True)
class Config:
    """``state`` is ``ok``, ``missing``, ``broken`` (``problem`` says where) or ``unread``.

    The sizes are those of the language model (``text_config`` where there is one), None where unset;
    ``extra_layers`` are layers for speculation that come after the others. ``vision`` says whether
    the model takes pictures.
    """

    state: str
    problem: str = ""
    model_type: str | None = None
    architectures: list[str] = field(default_factory=list)
    hidden_size: int | None = None
    vocab_size: int | None = None
    layers: int | None = None
    extra_layers: int = 0
    tied: bool | None = None
    vision: bool = False


def parse_config(raw: bytes) -> Config:
    """The values that the file gives. Of what cannot be parsed the state is ``broken``."""
    try:
        said = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as err:
        return Config("broken", clean(str(err)))
    if not isinstance(said, dict):
        return Config("broken", "it is no table")
    both: dict[str, object] = dict(said)
    both.update(next((said[key] for key in _LANGUAGE if isinstance(said.get(key), dict)), {}))
    kind, classes = said.get("model_type"), said.get("architectures")
    tied = both.get("tie_word_embeddings")
    return Config(
        "ok",
        model_type=clean(kind) if isinstance(kind, str) else None,
        architectures=[clean(each) for each in classes if isinstance(each, str)] if isinstance(classes, list) else [],
        hidden_size=_size(both, "hidden_size", "n_embd", "d_model"),
        vocab_size=_size(both, "vocab_size"),
        layers=_size(both, "num_hidden_layers", "n_layer", "num_layers"),
        extra_layers=_size(both, "num_nextn_predict_layers") or 0,
        tied=tied if isinstance(tied, bool) else None,
        vision=any(said.get(key) is not None for key in _PICTURES),
    )


def _size(values: dict[str, object], *names: str) -> int | None:
    found = next((values[name] for name in names if values.get(name) is not None), None)
    return found if type(found) is int and 0 <= found < 1 << 62 else None
