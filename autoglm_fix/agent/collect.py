"""The verb ``collect``: one fact, as JSON-able values."""

from __future__ import annotations

import importlib
from dataclasses import fields, is_dataclass
from typing import Any

from .context import Context
from .state import State
from .unknown import CannotTell


def collect(ctx: Context, state: State, module: str, fact: str, options: Any) -> Any:
    """The named fact for the request's service; for a list of options a list. It writes nothing.

    An entry of that list is ``[fact, None]``, or ``[None, reason]`` where it could not be told.
    """
    kind = getattr(importlib.import_module(module), fact)
    if isinstance(options, dict):
        return plain(ctx.fact(kind, **options))
    return [_tried(ctx, kind, each) for each in options]


def _tried(ctx: Context, kind: Any, options: dict[str, Any]) -> list[Any]:
    try:
        return [plain(ctx.fact(kind, **options)), None]
    except CannotTell as err:
        return [None, str(err)]


def plain(value: Any) -> Any:
    """Dataclasses to dicts, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
