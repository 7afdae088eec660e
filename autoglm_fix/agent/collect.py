"""The verb ``collect``: one fact, as JSON-able values."""

from __future__ import annotations

import importlib
from dataclasses import fields, is_dataclass
from typing import Any

from .context import Context
from .state import State


def collect(ctx: Context, state: State, module: str, fact: str, options: dict[str, Any]) -> Any:
    """The named fact for the request's service. It reads and writes nothing."""
    kind = getattr(importlib.import_module(module), fact)
    return plain(ctx.fact(kind, **options))


def plain(value: Any) -> Any:
    """Dataclasses to dicts, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
