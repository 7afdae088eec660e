"""Time spans with units, as systemd's settings say them, after systemd.time(7) of systemd 252, 2026-11-22. Pure."""

from __future__ import annotations

import re

_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµμ]*)")
_UNITS = {
    **dict.fromkeys(("usec", "us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), 86400.0),
    **dict.fromkeys(("weeks", "week", "w"), 604800.0),
}


def span(text: str) -> float | None:
    """A time span in seconds ("1min 30s"); None for what is none."""
    total, at = 0.0, 0
    while text[at:].strip():
        part = _SPAN.match(text, at)
        if part is None or part[2] not in _UNITS:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    return total if at else None
