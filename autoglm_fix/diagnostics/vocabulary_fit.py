"""Whether a vocabulary is that of the model whose config.json names its ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.json_text import Json, parse
from autoglm_fix.knowledge import table

from .generation_stops import Stops, stop_ids

ROLES = ("eos_token_id", "bos_token_id", "pad_token_id")
_LANGUAGE = ("decoder", "generator", "text_config")
# Rows are rounded up, and some models keep many in reserve.
_MOST = 2


class Pictures(msgspec.Struct, frozen=True):
    """The part of knowledge/turns.yml about the places of pictures."""

    pictures: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Named:
    """An id that config.json names. ``fits`` is False for one that no token, or an ordinary one, has."""

    setting: str
    number: int
    value: Json
    fits: bool
    token: str


def pictures() -> dict[str, tuple[str, ...]]:
    """The tokens in whose place pictures go, by the setting that names them."""
    return table("turns", Pictures).pictures


def language_part(config: Mapping[str, Json]) -> tuple[str, Mapping[str, Json]]:
    """The key and the settings of a config's language model; the whole where it is nothing else."""
    for key in _LANGUAGE:
        inner = config.get(key)
        if isinstance(inner, dict):
            return key, inner
    return "", config


def named_ids(vocabulary: Vocabulary, settings: GenerationSettings) -> Iterator[Named]:
    """The ids of single tokens in config.json, outside and in its language model's part."""
    config = parse(settings.config.text).values if settings.config.state == "ok" else {}
    key, inner = language_part(config)
    parts: list[tuple[str, Mapping[str, Json]]] = [("", config)]
    if key:
        parts.append((f"{key}.", inner))
    stops = Stops(vocabulary)
    for prefix, part in parts:
        for name in (*ROLES, *pictures()):
            for number in stop_ids(part.get(name)) or []:
                if number < 0:  # older models write -1 for none
                    continue
                token = vocabulary.token(number)
                fits = stops.exists(number) and not (token is not None and _ordinary(stops, name, number, token.added))
                yield Named(prefix + name, number, part[name], fits, "" if token is None else token.text)


def of_another_model(vocabulary: Vocabulary, settings: GenerationSettings, rows: int | None = None) -> list[str]:
    """The tokens that give a foreign tokenizer away, empty for one that is this model's as far as one can tell.

    ``rows`` is the number of tokens that the weights have a row for, by default what config.json says.
    """
    if vocabulary.unlike:
        return vocabulary.unlike
    if vocabulary.state != "ok" or vocabulary.highest is None:
        return []
    if len(vocabulary.lacking) >= 2 and not vocabulary.roles:
        return [f"{role}: {text}" for role, text in vocabulary.lacking.items()]
    named = list(named_ids(vocabulary, settings))
    wrong = [f"{each.setting} {each.number}: {each.token or '-'}" for each in named if not each.fits]
    rows = rows if rows is not None else _rows(settings)
    size = vocabulary.highest + 1
    sizes_differ = rows is not None and not (size <= rows <= _MOST * size)
    all_wrong = len(wrong) == len(named) and len({each.number for each in named}) >= 2
    return wrong if all_wrong or sizes_differ else []


def _rows(settings: GenerationSettings) -> int | None:
    config = parse(settings.config.text).values if settings.config.state == "ok" else {}
    size = language_part(config)[1].get("vocab_size")
    return size if isinstance(size, int) and size > 0 else None


def _ordinary(stops: Stops, name: str, number: int, added: bool) -> bool:
    return stops.senseless(number) if name == "eos_token_id" else name not in ROLES and not added
