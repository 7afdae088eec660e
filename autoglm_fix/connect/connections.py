"""All connections of one run: which transport for which route, and what hosts share on their way."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from .bundle import argv
from .channel import Channel, Execute, NotConnected
from .local import LocalChannel, execute
from .route import Credentials, Route

if TYPE_CHECKING:
    from .ssh.links import Links


class Connections:
    """Opens channels to agents, from any thread; jump hosts are shared, and handshakes through them are paced."""

    def __init__(self, *, accept_new: bool = False, stop: threading.Event | None = None) -> None:
        """``accept_new``: the key of a host that was never seen is noted and trusted. ``stop`` ends all waiting."""
        self._accept_new = accept_new
        self._stop = stop or threading.Event()
        self._one = threading.Lock()
        self._links: Links | None = None

    def open(self, name: str, route: Route, credentials: Credentials) -> Channel:
        """A channel to an agent that was started on the host of that name. Raises NotConnected."""
        if route.connection == "local" and route.become is None and not route.python:
            return LocalChannel(argv(sys.executable))
        if route.connection == "ssh":
            return self._over_ssh().open(name, route, credentials)
        from .start import start_agent

        return start_agent(self._execute(route, credentials), route, credentials, host=name, stop=self._stop)

    def _execute(self, route: Route, credentials: Credentials) -> Execute:
        """How commands are started there. What a transport needs is imported where a host is reached with it."""
        if route.connection == "local":
            return execute
        if route.connection == "openssh":
            from .openssh import OpenSsh

            return OpenSsh(route, credentials, accept_new=self._accept_new, stop=self._stop)
        if route.connection == "docker":
            from .docker import in_container

            return in_container(route, self._stop)
        raise NotConnected("connect.no-transport", {"connection": route.connection})

    def close(self) -> None:
        """End what hosts share. Channels end on their own."""
        with self._one:
            links, self._links = self._links, None
        if links is not None:
            links.close()

    def _over_ssh(self) -> Links:
        with self._one:
            if self._links is None:
                from .ssh.slim import import_paramiko

                import_paramiko()
                from .ssh.links import Links

                self._links = Links(accept_new=self._accept_new, stop=self._stop)
            return self._links

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
