"""Threads that work on hosts, so many at a time; whoever waits for hosts waits here, and Ctrl-C is heard here."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Event as Flag
from types import FrameType, TracebackType
from typing import Protocol, TypeVar

# After a Ctrl-C nobody waits longer than this for hosts that are being connected to, or looked at.
_LEAVING_S = 3.0
_TICK_S = 0.25
# Whoever ends a run otherwise than by Ctrl-C: a service manager, a terminal that is closed.
_MAY_MEAN_IT = (signal.SIGTERM, signal.SIGHUP)

_Handler = Callable[[int, FrameType | None], object] | int | None


class Host(Protocol):
    """What is worked on."""

    @property
    def may_be_left(self) -> bool:
        """Whether nothing is under way on it that must come to its end."""


H = TypeVar("H", bound=Host)


class Interrupts:
    """Ctrl-C, while entered in the main thread: the first sets ``stop``, the second ``at_once``.

    So do SIGTERM and SIGHUP where they were made to mean the same; a terminal that is closed may hang up more than
    once, and hurries nobody. Elsewhere KeyboardInterrupt is raised as ever, and means the first.
    """

    def __init__(self, stop: Flag) -> None:
        self.stop = stop
        self.at_once = Flag()
        self.wake: Callable[[], None] = lambda: None
        self._before: dict[signal.Signals, _Handler] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            alike = [each for each in _MAY_MEAN_IT if signal.getsignal(each) is signal.default_int_handler]
            self._before = {each: signal.getsignal(each) for each in (signal.SIGINT, *alike)}
        self._heed()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_be()

    @contextmanager
    def raised(self) -> Iterator[None]:
        """While a person is asked, Ctrl-C is KeyboardInterrupt: it ends the question."""
        self._let_be()
        try:
            yield
        finally:
            self._heed()

    def _heed(self) -> None:
        for which in self._before:
            signal.signal(which, self._heard)

    def _let_be(self) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        # The thread that runs this holds no lock of these flags: it only ever looks at them.
        again = self.stop.is_set() and number != signal.SIGHUP
        (self.at_once if again else self.stop).set()
        self.wake()


class Crew:
    """Works on hosts side by side. All of its methods but ``resting`` are for the thread that made it.

    Its threads are daemons: a host that hangs keeps nobody from leaving.
    """

    def __init__(self, forks: int, interrupts: Interrupts) -> None:
        """``forks`` hosts are worked on at a time."""
        self.forks = forks
        self._interrupts = interrupts
        self._told: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._at_rest = 0
        interrupts.wake = lambda: self._told.put(None)

    def each(
        self,
        hosts: Iterable[H],
        work: Callable[[H], None],
        may_start: Callable[[H], bool] = lambda _host: True,
        ended: Callable[[H], None] = lambda _host: None,
    ) -> list[H]:
        """Work on every host that ``may_start`` when its turn comes, until all have ended; none starts after a Ctrl-C.

        ``may_start`` and ``ended`` are called in this thread. Returns the hosts that are left at work: at a second
        Ctrl-C all of them, after the first those that ``may_be_left``. What ``work`` raises is raised here.
        """
        waiting = deque(hosts)
        at_work: dict[int, H] = {}
        leaves_at: float | None = None
        number = 0
        while True:
            stopped = self._interrupts.stop.is_set()
            while waiting and not stopped and len(at_work) - self._at_rest < self.forks:
                host = waiting.popleft()
                if may_start(host):
                    number += 1
                    at_work[number] = host
                    self._start(number, host, work, at_work, ended)
            if not at_work:
                return []
            if self._interrupts.at_once.is_set():
                return list(at_work.values())
            if stopped:
                leaves_at = leaves_at or time.monotonic() + _LEAVING_S
                if time.monotonic() >= leaves_at and all(host.may_be_left for host in at_work.values()):
                    return list(at_work.values())
            self._heed()

    def part(self, hosts: Iterable[H], work: Callable[[H], None], within_s: float) -> None:
        """The same after a Ctrl-C as well, and nothing is waited for longer than so many seconds in all."""
        waiting = deque(hosts)

        def carry_on() -> None:
            with suppress(IndexError):
                while True:
                    work(waiting.popleft())

        threads = [threading.Thread(target=carry_on, daemon=True) for _ in range(min(self.forks, len(waiting)))]
        for thread in threads:
            thread.start()
        ends_at = time.monotonic() + within_s
        for thread in threads:
            thread.join(max(ends_at - time.monotonic(), 0.0))

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While work on a host waits for its turn at something, another host may be worked on in its place."""
        self._told.put(self._rest)
        try:
            yield
        finally:
            self._told.put(self._go_on)

    def _rest(self) -> None:
        self._at_rest += 1

    def _go_on(self) -> None:
        self._at_rest -= 1

    def _heed(self) -> None:
        try:
            told = self._told.get(timeout=_TICK_S)
        except Empty:
            return
        if told is not None:
            told()

    def _start(
        self, number: int, host: H, work: Callable[[H], None], at_work: dict[int, H], ended: Callable[[H], None]
    ) -> None:
        def end(error: BaseException | None) -> None:
            del at_work[number]
            if error is not None:
                raise error
            ended(host)

        def carry_out() -> None:
            try:
                work(host)
            finally:
                # A bug of ours, in a listener say, ends the run where it was begun, not a thread of it.
                error = sys.exc_info()[1]
                self._told.put(lambda: end(error))

        threading.Thread(target=carry_out, name=f"host {number}", daemon=True).start()
