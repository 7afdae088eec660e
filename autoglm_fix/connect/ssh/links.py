"""All SSH connections of one run: each host's own, and those to jump hosts that they share."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from ..channel import Channel, Greeted, NotConnected
from ..route import Credentials, Route
from ..start import start_agent
from .calls import Calls
from .dial import Interrupted, greet
from .host_keys import HostKeys
from .jumps import Chain, Passage, Shared, tunnel, wants_password
from .link import Checks, Link, shake_hands
from .login import Logins
from .pace import Turn, patiently
from .settings import SshSettings
from .wire import Ends, Wire


class Links:
    """Opens connections from any thread."""

    def __init__(self, calls: Calls, *, jitter: Callable[[], float] = random.random) -> None:
        # What goes wrong is an exception here; paramiko would write its own account of it to stderr.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
        self._calls = calls
        self._checks = Checks(HostKeys(), Logins())
        self._stop = calls.stop
        self._jitter = jitter
        self._lock = threading.Lock()
        self._passages: dict[Chain, Passage] = {}

    def open(self, name: str, route: Route, credentials: Credentials) -> Channel:
        """A channel to an agent that was started on the host of that name. Raises NotConnected."""
        link = self.link(name, route, credentials)
        channel: Channel | None = None
        try:
            channel = start_agent(link.execute, route, credentials, host=name, stop=self._stop)
        finally:
            if channel is None:
                link.close()
        return LinkedChannel(link, channel)

    def link(self, name: str, route: Route, credentials: Credentials) -> Link:
        """A connection to the host of that name, logged in. Raises NotConnected."""
        settings = self._calls.config.settings(name, route)
        try:
            return self._reach(settings, settings.jumps, credentials)
        except Interrupted:
            raise NotConnected("connect.stopped", {"host": name}) from None

    def close(self) -> None:
        """End what hosts share; those behind a jump host before it. Hosts' own connections end with their channels."""
        with self._lock:
            passages = sorted(self._passages.values(), key=lambda passage: -len(passage.chain))
        for passage in passages:
            passage.close()

    # -- inside

    def _reach(self, settings: SshSettings, jumps: Chain, credentials: Credentials) -> Link:
        attempt = self._through if jumps else self._directly
        return patiently(lambda: attempt(settings, jumps, credentials), settings.timeout_s, self._stop, self._jitter)

    def _directly(self, settings: SshSettings, _jumps: Chain, credentials: Credentials) -> Link:
        reached = self._calls.reach(settings)
        try:
            return self._shake_hands(reached.ends, settings, credentials)
        finally:
            reached.turn.leave()

    def _through(self, settings: SshSettings, jumps: Chain, credentials: Credentials) -> Link:
        ends = tunnel(self._jump(jumps, credentials), settings)
        turn: Turn | None = None
        try:
            turn = self._calls.turns.take(jumps)
        finally:
            if turn is None:
                ends.release()
        greet(ends)
        try:
            # Whoever keeps silent does not hold up the others.
            return self._shake_hands(ends, settings, credentials, turn.leave)
        finally:
            turn.leave()

    def _jump(self, chain: Chain, credentials: Credentials) -> Shared:
        with self._lock:
            passage = self._passages.setdefault(chain, Passage(chain))
        return passage.take(lambda: self._pass(chain, credentials.passphrase), self._stop.is_set)

    def _pass(self, chain: Chain, passphrase: str | None) -> Link:
        """A connection to a jump host. A host's password is for that host alone: never for those before it."""
        jump = chain[-1]
        known = self._calls.jump_logins(jump.name)
        own = known.credentials if known is not None and known.user in ("", jump.user) else Credentials()
        theirs = Credentials(password=own.password, passphrase=own.passphrase or passphrase)
        try:
            return self._reach(jump, chain[:-1], theirs)
        except NotConnected as err:
            wants = wants_password(err, jump) if theirs.password is None else None
            if wants is None:
                raise
            raise wants from err

    def _shake_hands(
        self, ends: Ends, settings: SshSettings, credentials: Credentials, silent: Callable[[], None] = lambda: None
    ) -> Link:
        wire = Wire(ends, settings.keepalive_s, settings.keepalive_count)
        return shake_hands(settings, wire, self._checks, credentials, self._stop.is_set, silent)


class LinkedChannel:
    """A channel to an agent, and the connection below it, which ends with it."""

    def __init__(self, link: Link, channel: Channel) -> None:
        self._link = link
        self._channel = channel

    def write(self, data: bytes) -> None:
        self._channel.write(data)

    def read(self, timeout_s: float) -> bytes:
        return self._channel.read(timeout_s)

    def greeting(self) -> tuple[str, ...]:
        return self._channel.greeting() if isinstance(self._channel, Greeted) else ()

    def close(self) -> None:
        """End both. The agent's own end is not waited for: it would cost a round trip, and nobody listens."""
        self._channel.close()
        self._link.close()
