"""All connections of one run: which transport for which route, and what hosts share on their way."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from .channel import Channel, Execute, NotConnected
from .route import Credentials, JumpLogins, Route, nothing_known

if TYPE_CHECKING:
    from .ssh.calls import Calls
    from .ssh.links import Links
    from .ssh.pace import Turns


class Connections:
    """Opens channels to agents, from any thread; jump hosts are shared, and handshakes through them are paced."""

    def __init__(
        self, *, accept_new: bool = False, stop: threading.Event | None = None, jump_logins: JumpLogins = nothing_known
    ) -> None:
        """``accept_new``: the key of a host that was never seen is noted and trusted. ``stop`` ends all waiting.

        ``jump_logins`` are the only passwords that a jump host is ever told.
        """
        self._accept_new = accept_new
        self._jump_logins = jump_logins
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._importing = threading.Lock()
        self._calls: Calls | None = None
        self._links: Links | None = None
        self._turns: Turns | None = None
        self._closed = False

    def expect(self, hosts: Iterable[tuple[str, Route]]) -> None:
        """Begin to reach hosts that are about to be opened: they answer while other things are done."""
        for name, route in hosts:
            if route.connection == "ssh":
                with contextlib.suppress(NotConnected):
                    self._calling(name).expect(name, route)

    def open(self, name: str, route: Route, credentials: Credentials) -> Channel:
        """A channel to an agent that was started on the host of that name. Raises NotConnected."""
        if route.connection == "local" and route.become is None and not route.python:
            from .bundle import argv
            from .local import LocalChannel

            return LocalChannel(argv(sys.executable))
        if route.connection == "ssh":
            if self._links is None:
                self._calling(name).expect(name, route)
            return self._over_ssh(name).open(name, route, credentials)
        from .start import start_agent

        return start_agent(self._execute(route, credentials), route, credentials, host=name, stop=self._stop)

    def _execute(self, route: Route, credentials: Credentials) -> Execute:
        """How commands are started there. What a transport needs is imported where a host is reached with it."""
        if route.connection == "local":
            from .local import execute

            return execute
        if route.connection == "openssh":
            from .openssh import OpenSsh
            from .ssh.pace import Turns

            with self._lock:
                turns = self._turns = self._turns or Turns(self._stop)
            return OpenSsh(route, credentials, accept_new=self._accept_new, stop=self._stop, turns=turns)
        if route.connection == "docker":
            from .docker import in_container

            return in_container(route, self._stop)
        raise NotConnected("connect.no-transport", {"connection": route.connection})

    def close(self) -> None:
        """End what hosts share. Channels end on their own. Whoever is still about to open one gets NotConnected."""
        with self._lock:
            self._closed = True
            calls, self._calls = self._calls, None
            links, self._links = self._links, None
        if calls is not None:
            calls.close()
        if links is not None:
            links.close()

    def _calling(self, name: str) -> Calls:
        with self._lock:
            self._must_be_open(name)
            if self._calls is None:
                from .ssh.calls import Calls

                self._calls = Calls(accept_new=self._accept_new, stop=self._stop, jump_logins=self._jump_logins)
            return self._calls

    def _over_ssh(self, name: str) -> Links:
        calls = self._calling(name)
        # A lock of its own: hosts are called while this imports.
        with self._importing:
            links = self._links
            if links is None:
                from .ssh.slim import import_paramiko

                import_paramiko()
                from .ssh.links import Links

                with self._lock:
                    self._must_be_open(name)
                    links = self._links = Links(calls)
            return links

    def _must_be_open(self, name: str) -> None:
        """A thread that was left when the run ended opens nothing that nobody would close."""
        if self._closed:
            raise NotConnected("connect.stopped", {"host": name})

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
