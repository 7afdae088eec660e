"""The sentences, by code, in English and Chinese: one YAML file a topic and language.

An entry is ``code: {summary: ..., advice: ...}`` or ``code: sentence``. ``{name}`` is filled with a value;
``{name:size}`` prints bytes for people, ``{name:list}`` joins a list (an empty one is "-"), ``{name:count}`` counts it.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Mapping
from typing import Any

import yaml

LANGUAGES = ("en", "zh")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class AsItIs(str):
    """A value that stands in a sentence as it is, whatever its author expected there: bytes, a list."""

    __slots__ = ()


class _Sentence(string.Formatter):
    """Fills plain names only: values are a host's data and never reach into objects."""

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, AsItIs):
            return str(value)
        if format_spec == "size":
            return size(value)
        if format_spec == "list":
            return ", ".join(str(each) for each in value) or "-"
        if format_spec == "count":
            return str(len(value))
        return str(value)


class Catalogue:
    """The sentences of one language."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"no catalogue for language {language!r}: there are {', '.join(LANGUAGES)}")
        self.language = language

    def text(self, code: str, **values: Any) -> str:
        """The sentence of a code. KeyError for a code that has none."""
        return self.part(code, "summary", values)

    def part(self, code: str, part: str, values: Mapping[str, Any]) -> str:
        """The ``summary`` or ``advice`` of a code, filled; an absent advice is empty."""
        return _Sentence().vformat(self.template(code, part), (), values).strip()

    def template(self, code: str, part: str) -> str:
        """A part as its author wrote it, with the names of its values in braces."""
        entry = _topic(self.language, code.split(".")[0])[code]
        sentence = entry.get(part, "") if isinstance(entry, dict) else entry if part == "summary" else ""
        return str(sentence).strip()


@functools.cache
def _topic(language: str, topic: str) -> dict[str, Any]:
    from importlib import resources

    source = resources.files(__name__) / language / f"{topic}.yml"
    with source.open("rb") as handle:
        entries: dict[str, Any] = yaml.load(handle, Loader=_Loader)
    return entries


def size(count: float) -> str:
    """Bytes for people, in powers of 1024: "18.1 GiB"."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    for unit in units[:-1]:
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {units[-1]}"
