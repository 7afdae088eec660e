"""Tables and rules as data: one file a topic, each row or file with its source and date.

What is long is JSON, which loads in no time; what people edit is YAML.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any, TypeVar

import msgspec
import yaml

from autoglm_fix.shaped import shaped

T = TypeVar("T")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def table(name: str, shape: type[T]) -> T:
    """The table of that name as its type. Raises msgspec.ValidationError where a row has another shape."""
    return shaped(_read(name), shape)


@functools.cache
def _read(name: str) -> Any:
    folder = resources.files(__name__)
    long = folder / f"{name}.json"
    if long.is_file():
        return msgspec.json.decode(long.read_bytes())
    with (folder / f"{name}.yml").open("rb") as source:
        return yaml.load(source, Loader=_Loader)
