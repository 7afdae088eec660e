"""Findings to changes: pure functions, one file a topic. What they yield is data; the host acts on it."""

from collections.abc import Mapping

from autoglm_fix.diagnostics import Topics

from .registry import FIXES, Declined, Fix, fix

__all__ = ["FIXES", "SHIPPED", "Declined", "Fix", "fix", "load"]

_TOPICS = (
    "fetch_weights",
    "file",
    "generation_config",
    "lower_batch",
    "pin_versions",
    "remap_path",
    "restart",
    "set_timeouts",
    "tokenizer",
)
SHIPPED: Mapping[str, Fix] = Topics(__name__, _TOPICS, FIXES)


def load() -> dict[str, Fix]:
    """All shipped fixes by name."""
    return {name: SHIPPED[name] for name in SHIPPED}
