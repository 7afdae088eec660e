"""Server-sent events out of a stream of bytes, however it was cut."""

from __future__ import annotations

import re
from typing import Iterator

from .caller import Trouble

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a last CR may be half of a CRLF
_MOST = 1 << 20
_A_LINE = 32  # what a line costs beside its bytes


class Events:
    """Takes bytes, gives the ``data`` of each event."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The events that are whole now. Trouble where one grows beyond all bounds."""
        *lines, self._rest = _LINE_END.split(self._rest + data)
        for line in lines:
            name, _, value = line.partition(b":")
            if not line and self._data:
                yield self._whole()
            elif name == b"data":
                self._data.append(value[1:] if value.startswith(b" ") else value)
                self._size += len(value) + _A_LINE
        if len(self._rest) + self._size > _MOST:
            raise Trouble("large", f"an event has more than {_MOST} bytes")

    def end(self) -> Iterator[str]:
        """What was not closed by an empty line when the stream ended."""
        yield from self.feed(b"\n")
        if self._data:
            yield self._whole()

    def _whole(self) -> str:
        text = b"\n".join(self._data).decode("utf-8", "replace")
        self._data, self._size = [], 0
        return text
