"""Findings to changes: pure functions, one file a topic. What they yield is data; the host acts on it."""

import importlib

from .registry import FIXES, Declined, Fix, fix

__all__ = ["FIXES", "Declined", "Fix", "fix", "load"]

_TOPICS = (
    "fetch_weights",
    "generation_config",
    "lower_batch",
    "pin_versions",
    "remap_path",
    "restart",
    "set_timeouts",
    "tokenizer",
)


def load() -> dict[str, Fix]:
    """All shipped fixes by name."""
    for topic in _TOPICS:
        importlib.import_module(f"{__name__}.{topic}")
    return FIXES
