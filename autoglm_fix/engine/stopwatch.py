"""How long a host was worked on: its clock stands while it waits for others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class Stopwatch:
    """Counts while work is ``running``, and not while that is ``resting``. One thread at a time runs it."""

    def __init__(self) -> None:
        self._spent_s = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """The time so far, what is under way included. From any thread."""
        since = self._since
        return self._spent_s + (time.monotonic() - since if since is not None else 0.0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of what is done inside."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._stand()

    def resting(self, others: Callable[[], AbstractContextManager[None]]) -> Callable[[], AbstractContextManager[None]]:
        """What is entered while ``others`` are waited for: that does not count."""

        @contextmanager
        def rests() -> Iterator[None]:
            self._stand()
            try:
                with others():
                    yield
            finally:
                self._since = time.monotonic()

        return rests

    def _stand(self) -> None:
        since, self._since = self._since, None
        if since is not None:
            self._spent_s += time.monotonic() - since
