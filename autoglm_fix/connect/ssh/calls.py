"""Connections to sshds, begun before paramiko is there: hosts answer while it is imported, and whatever else is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..channel import NotConnected
from ..route import JumpLogins, Route, nothing_known
from .config import SshConfig
from .dial import Interrupted, connect, greet, look_up
from .pace import Turn, Turns
from .settings import SshSettings
from .wire import Ends

_LEAVING_S = 1.0


@dataclass(frozen=True)
class Reached:
    """A sshd that we have greeted, and the place for a handshake with it."""

    ends: Ends
    turn: Turn


class Calls:
    """Reaches hosts, from any thread. ``config``, ``turns``, ``stop`` and ``jump_logins`` are the run's."""

    def __init__(self, *, accept_new: bool, stop: threading.Event, jump_logins: JumpLogins = nothing_known) -> None:
        self.config = SshConfig(accept_new=accept_new, jump_logins=jump_logins)
        self.turns = Turns(stop)
        self.stop = stop
        self.jump_logins = jump_logins
        self._lock = threading.Lock()
        self._ahead: dict[SshSettings, _Call] = {}

    def expect(self, name: str, route: Route) -> None:
        """Begin to reach a host that is about to be. What goes wrong is told when it is."""
        with contextlib.suppress(NotConnected):
            settings = self.config.settings(name, route)
            if settings.jumps or settings.proxy_command is not None:
                return
            with self._lock:
                if settings not in self._ahead:
                    self._ahead[settings] = _Call(lambda given_up: self._reach(settings, given_up))

    def reach(self, settings: SshSettings) -> Reached:
        """A host's sshd, as it was begun if it was. Raises NotConnected, Interrupted."""
        with self._lock:
            call = self._ahead.pop(settings, None)
        return self._reach(settings, self.stop.is_set) if call is None else call.answer()

    def close(self) -> None:
        """End what nobody has asked for."""
        with self._lock:
            calls, self._ahead = list(self._ahead.values()), {}
        for call in calls:
            call.give_up()

    def _reach(self, settings: SshSettings, given_up: Callable[[], bool]) -> Reached:
        def stopped() -> bool:
            return self.stop.is_set() or given_up()

        addresses = look_up(settings, stopped)
        # A ProxyCommand ends at a sshd that nobody here knows, the same for all as a rule.
        turn = self.turns.take((addresses[0].host, settings.port) if addresses else None)
        reached = None
        try:
            reached = Reached(connect(settings, addresses, stopped), turn)
        finally:
            if reached is None:
                turn.leave()
        greet(reached.ends)
        return reached


class _Call:
    """One connection, made by a thread of its own."""

    def __init__(self, reach: Callable[[Callable[[], bool]], Reached]) -> None:
        self._given_up = threading.Event()
        self._reached: Reached | None = None
        self._problem: NotConnected | Interrupted = Interrupted()

        def go() -> None:
            try:
                self._reached = reach(self._given_up.is_set)
            except (NotConnected, Interrupted) as err:
                self._problem = err
            if self._given_up.is_set():
                self._release()

        self._thread = threading.Thread(target=go, name="calling a host", daemon=True)
        self._thread.start()

    def answer(self) -> Reached:
        """What has come of it. Raises NotConnected, Interrupted."""
        self._thread.join()
        if self._reached is None:
            raise self._problem
        return self._reached

    def give_up(self) -> None:
        """End it, or what has come of it."""
        self._given_up.set()
        self._thread.join(_LEAVING_S)
        self._release()

    def _release(self) -> None:
        if self._reached is not None:
            self._reached.ends.release()
            self._reached.turn.leave()
