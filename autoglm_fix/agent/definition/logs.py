"""The ends of logs."""

from __future__ import annotations

import os


def tail(path: str, lines: int = 200) -> list[str]:
    """The last lines of a log file, none where it cannot be read."""
    try:
        with open(path, "rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(max(0, size - (1 << 17)))
            return last(source.read().decode("utf-8", "replace"), lines)
    except OSError:
        return []


def last(text: str, lines: int = 200) -> list[str]:
    """The last lines of a text, each cut to what people read; of a progress bar its last state."""
    return [line.rstrip("\r").rpartition("\r")[2][:500] for line in text.splitlines()[-lines:]]
