"""How many handshakes are in flight at once to one sshd, or through one jump host; and how often one is tried."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar

from ..channel import NotConnected
from .dial import Interrupted

# sshd's own MaxStartups drops the eleventh connection that has not logged in.
AT_ONCE = 8
_TRIES = 3
_FIRST_PAUSE_S = 0.3
_TURN_S = 0.5

_T = TypeVar("_T")


class Turns:
    """Places for handshakes, ``AT_ONCE`` for each sshd or jump host."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._places: defaultdict[Hashable, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(AT_ONCE))

    def take(self, where: Hashable) -> Turn:
        """Wait for a place there. Raises Interrupted."""
        with self._lock:
            places = self._places[where]
        while not places.acquire(timeout=_TURN_S):
            if self._stop.is_set():
                raise Interrupted
        return Turn(places)


class Turn:
    """A place that was taken; leaving twice is leaving once."""

    def __init__(self, places: threading.Semaphore) -> None:
        self._places = places
        self._taken = True

    def leave(self) -> None:
        if self._taken:
            self._taken = False
            self._places.release()


def patiently(attempt: Callable[[], _T], patience_s: float, stop: threading.Event, jitter: Callable[[], float]) -> _T:
    """Try up to three times, while what goes wrong may pass, and never begin again after ``patience_s``.

    Pauses grow, and differ from host to host by ``jitter`` (0 to 1). Raises NotConnected, Interrupted.
    """
    began = time.monotonic()
    pause_s = _FIRST_PAUSE_S
    for left in reversed(range(_TRIES)):
        if stop.is_set():
            raise Interrupted
        try:
            return attempt()
        except NotConnected as err:
            wait_s = pause_s * (0.5 + jitter())
            if not (err.passing and left) or time.monotonic() + wait_s - began > patience_s:
                raise
        stop.wait(wait_s)
        pause_s *= 3
    raise Interrupted
