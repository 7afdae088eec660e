"""What the hosts of a play share step by step: turns at a step, and a step that one host does for all."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Event as Flag
from typing import Any

_TICK_S = 0.2


class Throttle:
    """At most so many hosts at once in one step of a play, looking or changing."""

    def __init__(self, hosts: int) -> None:
        self._free = threading.Semaphore(hosts)

    @contextmanager
    def turn(self, stop: Flag) -> Iterator[None]:
        """Wait for a turn, and have it; a run that is stopped waits no more."""
        has_it = False
        try:
            while not has_it and not stop.is_set():
                has_it = self._free.acquire(timeout=_TICK_S)
            yield
        finally:
            if has_it:
                self._free.release()


@contextmanager
def in_turn(throttles: Iterable[Throttle | None], stop: Flag) -> Iterator[None]:
    """A turn at each of these, in the order of the play's steps, in which everybody takes them."""
    with ExitStack() as turns:
        for throttle in dict.fromkeys(throttles):
            if throttle is not None:
                turns.enter_context(throttle.turn(stop))
        yield


class Pilot:
    """The one service of a host that does the steps of a play that are done once; its results are registered for all.

    It is the first whose turn comes. As in Ansible, its ``when`` decides for all. Where its host is lost another takes
    over; those that need its results wait for them, all others leave those steps out at once.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._who: object = None
        self._results: dict[str, Mapping[str, Any]] = {}

    def takes(self, who: object, needed: str | None, stop: Flag) -> bool:
        """Whether it is this one. ``needed`` is the name of a result that it cannot do without."""
        with self._changed:
            while True:
                self._who = self._who or who
                if self._who is who:
                    return True
                if needed is None or needed in self._results or stop.is_set():
                    return False
                self._changed.wait(_TICK_S)

    def shared(self, who: object, name: str, own: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is registered under a name: the pilot's result, for whoever asks."""
        with self._changed:
            if self._who is who:
                self._results[name] = own
                self._changed.notify_all()
            return self._results.get(name, own)

    def is_lost(self, who: object) -> None:
        """The host of this one cannot be looked at any more."""
        with self._changed:
            if self._who is who:
                self._who = None
                self._results.clear()
                self._changed.notify_all()

    @property
    def who(self) -> object:
        """Who does those steps, None while nobody has come to them."""
        return self._who

    @property
    def is_missing(self) -> bool:
        """Whether nobody has done those steps."""
        return self._who is None
