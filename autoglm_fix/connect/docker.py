"""Containers: commands started through `docker exec` or `podman exec`, or over the engine's socket without either."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading

from .channel import Execute, NotConnected, Stream
from .docker_said import Mark, wait_for_shell
from .process import ProcessStream
from .route import Route

# The keywords of a route's options that count here: the program or its path, and where the engine listens.
PROGRAM, ENGINE = "program", "host"
PROGRAMS = ("docker", "podman")


def in_container(route: Route, stop: threading.Event | None = None) -> Execute:
    """How commands are started in the container that ``route.address`` names. Raises NotConnected.

    ``route.user`` is a user of the container. Of ``route.options``, ``program`` is ``docker``, ``podman`` or the path
    of one (else the first that there is), ``host`` is what ``DOCKER_HOST`` would be. A name that is not on the path
    leaves the engine's socket.
    """
    if not route.address or route.address.startswith("-") or set(route.address) & set("/\0\n"):
        raise NotConnected("docker.bad-name", {"name": route.address})
    if route.user.startswith("-"):
        raise NotConnected("docker.bad-name", {"name": route.user})
    asked = route.options.get(PROGRAM, "")
    program = next(filter(None, map(shutil.which, [asked] if asked else PROGRAMS)), None)
    if program is None and "/" in asked:
        raise NotConnected("docker.not-started", {"program": asked, "reason": os.strerror(errno.ENOENT)})
    if program is None:
        from .docker_socket import EngineSocket

        return EngineSocket(route, asked, stop or threading.Event())
    return _Program(program, route, stop or threading.Event())


class _Program:
    """Starts commands through the engine's own command line."""

    def __init__(self, program: str, route: Route, stop: threading.Event) -> None:
        self._program = program
        self._route = route
        self._stop = stop

    def __call__(self, command: str, *, terminal: bool = False) -> Stream:
        """Start one line of shell. Raises NotConnected."""
        mark = Mark()
        values: dict[str, object] = {
            "container": self._route.address,
            "program": os.path.basename(self._program),
            "user": self._route.user,
        }
        try:
            stream = _Exec(self._argv(mark.before(command), terminal), mark, terminal)
        except OSError as err:
            raise NotConnected("docker.not-started", {**values, "reason": err.strerror}) from err
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(stream.abandon)
            stream.put_back(wait_for_shell(stream, mark, self._route, values, self._stop, terminal=terminal))
            unless_started.pop_all()
        return stream

    def _argv(self, command: str, terminal: bool) -> list[str]:
        engine = self._route.options.get(ENGINE, "")
        where = ["--url" if "podman" in os.path.basename(self._program) else "--host", engine] if engine else []
        user = ["--user", self._route.user] if self._route.user else []
        return [
            *(self._program, *where, *self._route.words, "exec", "-i", *(["-t"] if terminal else []), *user),
            *(self._route.address, "sh", "-c", command),
        ]


class _Exec(ProcessStream):
    """The process of an exec. What the engine says before the container's shell is no word of the command's."""

    def __init__(self, argv: list[str], mark: Mark, terminal: bool) -> None:
        self._mark = mark
        super().__init__(argv, terminal=terminal)

    def _sifted(self, data: bytes) -> bytes:
        return self._mark.sift(data)
