"""What a conversation needs of a process, wherever it was started."""

from __future__ import annotations

from typing import Mapping, Protocol


class Speaker(Protocol):
    """A process that leads a session, wherever it was started. ``pid`` is the host's."""

    pid: int

    def sources(self) -> list[int]:
        """The descriptors to wait for."""

    def receive(self, source: int) -> Mapping[str, bytes] | None:
        """What is there now of its ``answers`` and its ``output``; None at the end."""

    def ended(self) -> bool:
        """Whether it is over."""

    def ending(self) -> tuple[int, int]:
        """The exit status, and the number of the signal that ended it, else 0."""
