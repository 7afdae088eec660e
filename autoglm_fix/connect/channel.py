"""What every transport offers: bytes to and from the agent's stdin and stdout."""

from __future__ import annotations

from typing import Protocol


class ChannelClosed(Exception):
    """The other end is gone. ``tail`` holds the last lines that it said on stderr."""

    def __init__(self, reason: str, tail: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.tail = tail


class Channel(Protocol):
    """A pair of byte streams. Reads end within their time-out; closing ends the agent."""

    def write(self, data: bytes) -> None:
        """Send all of it, or raise ChannelClosed."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, ``b""`` when nothing came in time; ChannelClosed at the end."""

    def close(self) -> None:
        """End the channel; the agent then ends the processes that it started."""
