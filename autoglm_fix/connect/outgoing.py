"""A file on its way to a host: pieces go a little ahead of what the other end has taken, never all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from autoglm_fix.agent.frames import pack_bytes

_PIECE = 1 << 18
_AHEAD = 8 * _PIECE


class Outgoing:
    """One open file, sent by ``write``; ``size`` is in bytes."""

    def __init__(
        self,
        source: BinaryIO,
        write: Callable[[bytes], None],
        heard: Callable[[int, Mapping[str, Any]], None] | None,
    ) -> None:
        """``heard`` is called with events that are for people."""
        self.size = os.fstat(source.fileno()).st_size
        self._source = source
        self._write = write
        self._heard = heard
        self._sent = 0
        self._taken = 0

    def go_on(self, number: int) -> None:
        """Send what may be sent now, to the request of that number."""
        while self._sent < self.size and self._sent - self._taken < _AHEAD:
            piece = self._source.read(_PIECE)
            if not piece:  # it was cut short: the digest will not fit
                piece = bytes(min(_PIECE, self.size - self._sent))
            self._write(pack_bytes(number, piece))
            self._sent += len(piece)

    def heard(self, index: int, event: Mapping[str, Any]) -> None:
        """Take in how far the other end is, and pass on the rest."""
        if event.get("event") == "credit":
            self._taken = int(event["done"])
        elif self._heard is not None:
            self._heard(index, event)
