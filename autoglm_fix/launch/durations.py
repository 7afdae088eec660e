"""Spans of time as compose writes them ("1m30s")."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float | None:
    """A span in seconds; a bare number counts as it stands. None for what is none."""
    text = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not text or _PART.sub("", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def span(value: float) -> str:
    """Seconds as a span."""
    return f"{value:g}s" if value == int(value) and value < 1e6 else f"{int(value * 1000)}ms"
