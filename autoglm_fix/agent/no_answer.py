"""Why the service's own Python gave no answer."""

from __future__ import annotations

from .unknown import CannotTell


class NoAnswer(CannotTell):
    """The service's Python gave no result.

    ``kind`` is ``not-started``, ``not-python``, ``raised``, ``exited``, ``killed``, ``timeout`` or
    ``stalled``. ``signal`` names the signal that ended it, ``error`` the type of what was raised,
    ``tail`` holds the last lines of its output, ``out_of_memory`` where the kernel counted a kill.
    """

    def __init__(self, kind: str, reason: str, tail: list[str]) -> None:
        last = [line.strip() for line in tail if line.strip()][-3:]
        super().__init__(f"{reason}; its last lines: {' | '.join(last)}" if last else reason)
        self.kind = kind
        self.tail = tail
        self.signal = ""
        self.error = ""
        self.out_of_memory = ""
