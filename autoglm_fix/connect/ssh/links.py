"""All SSH connections of one run: each host's own, and those to jump hosts that they share."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import replace

from ..channel import Channel, NotConnected
from ..route import Credentials, Route
from ..start import start_agent
from .config import SshConfig
from .dial import Interrupted, connect, look_up
from .host_keys import HostKeys
from .jumps import Chain, Passage, Shared, tunnel
from .link import Checks, Link, shake_hands
from .login import Logins
from .pace import Turn, Turns, patiently
from .settings import SshSettings
from .wire import Ends, Wire

# Where nothing says how often a silent host is asked for a sign of life.
KEEPALIVE_S = 15.0


class Links:
    """Opens connections from any thread."""

    def __init__(self, *, accept_new: bool, stop: threading.Event, jitter: Callable[[], float] = random.random) -> None:
        # What goes wrong is an exception here; paramiko would write its own account of it to stderr.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
        self._config = SshConfig(accept_new=accept_new)
        self._checks = Checks(HostKeys(), Logins())
        self._turns = Turns(stop)
        self._stop = stop
        self._jitter = jitter
        self._one = threading.Lock()
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
        settings = self._config.settings(name, route)
        try:
            return self._reach(settings, settings.jumps, credentials)
        except Interrupted:
            raise NotConnected("connect.stopped", {"host": name}) from None

    def close(self) -> None:
        """End what hosts share; those behind a jump host before it. Hosts' own connections end with their channels."""
        with self._one:
            passages = sorted(self._passages.values(), key=lambda passage: -len(passage.chain))
        for passage in passages:
            passage.close()

    # -- inside

    def _reach(self, settings: SshSettings, jumps: Chain, credentials: Credentials) -> Link:
        settings = settings if settings.keepalive_s else replace(settings, keepalive_s=KEEPALIVE_S)
        attempt = self._through if jumps else self._directly
        return patiently(lambda: attempt(settings, jumps, credentials), settings.timeout_s, self._stop, self._jitter)

    def _directly(self, settings: SshSettings, _jumps: Chain, credentials: Credentials) -> Link:
        addresses = look_up(settings, self._stop.is_set)
        # A ProxyCommand ends at a sshd that nobody here knows, the same for all as a rule.
        turn = self._turns.take((addresses[0].host, settings.port) if addresses else None)
        try:
            return self._shake_hands(connect(settings, addresses, self._stop.is_set), settings, credentials)
        finally:
            turn.leave()

    def _through(self, settings: SshSettings, jumps: Chain, credentials: Credentials) -> Link:
        ends = tunnel(self._jump(jumps, credentials), settings)
        turn: Turn | None = None
        try:
            turn = self._turns.take(jumps)
        finally:
            if turn is None:
                ends.release()
        try:
            # Whoever keeps silent does not hold up the others.
            return self._shake_hands(ends, settings, credentials, turn.leave)
        finally:
            turn.leave()

    def _jump(self, chain: Chain, credentials: Credentials) -> Shared:
        with self._one:
            passage = self._passages.setdefault(chain, Passage(chain))
        # A host's password is for that host alone.
        theirs = Credentials(passphrase=credentials.passphrase)
        return passage.take(lambda: self._reach(chain[-1], chain[:-1], theirs), self._stop.is_set)

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

    def close(self) -> None:
        """End both. The agent's own end is not waited for: it would cost a round trip, and nobody listens."""
        self._channel.close()
        self._link.close()
