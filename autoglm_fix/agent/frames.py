"""The wire: each frame is a 4-byte big-endian length and that many bytes of deflated JSON.

A byte frame is a zero, the 4-byte number of the request that it belongs to, and raw bytes. An empty frame says that
no other follows.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import Any, Iterator

_LENGTH = 4
MAX_FRAME = 64 * 1024 * 1024
END = bytes(_LENGTH)
_RAW = b"\0"  # no deflated text begins so


class BrokenFrame(Exception):
    """Bytes that are no frame: something else wrote on the channel."""


def pack(message: dict[str, Any]) -> bytes:
    """One message as a frame."""
    body = zlib.compress(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), 1)
    return len(body).to_bytes(_LENGTH, "big") + body


# For the controller.
def pack_bytes(number: int, data: bytes) -> bytes:
    """Raw bytes for a request as a frame."""
    return (len(data) + 5).to_bytes(_LENGTH, "big") + _RAW + number.to_bytes(4, "big") + data


def unpack_bytes(body: bytes) -> tuple[int, bytes] | None:
    """The request and the bytes in a byte frame's body; None where it is a message."""
    if body[:1] != _RAW:
        return None
    return int.from_bytes(body[1:5], "big"), body[5:]


def unpack(body: bytes) -> dict[str, Any]:
    """The message in a frame's body."""
    try:
        message = json.loads(zlib.decompress(body).decode("utf-8"))
    except (zlib.error, ValueError) as err:
        raise BrokenFrame(f"a frame that cannot be read: {body[:80]!r}") from err
    if not isinstance(message, dict):
        raise BrokenFrame(f"a frame that holds no message: {body[:80]!r}")
    return message


class Frames:
    """Cuts a stream of bytes into the bodies of whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes; yield the body of each frame that is complete now."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH:
            size = int.from_bytes(self._buffer[:_LENGTH], "big")
            if size > MAX_FRAME:
                raise BrokenFrame(f"a frame of {size} bytes: {bytes(self._buffer[:80])!r}")
            if len(self._buffer) < _LENGTH + size:
                return
            body = bytes(self._buffer[_LENGTH : _LENGTH + size])
            del self._buffer[: _LENGTH + size]
            yield body


def write_all(handle: int, data: bytes) -> None:
    """Write every byte to a file descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
