"""A container engine spoken to over its socket, where there is no command line for it: Docker's HTTP API."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from .channel import ChannelClosed, NotConnected, Stream
from .docker_said import Mark, explain, wait_for_shell
from .process import CLOSED, FROZEN, ending
from .route import Route

_PATHS = {
    "docker": ("/run/docker.sock", "/var/run/docker.sock"),
    "podman": ("{runtime}/podman/podman.sock", "/run/podman/podman.sock"),
}
_STDERR = 2
_HEAD = 8
_SAID = 8192
_CHUNK = 65536
_SILENCE_S = 60.0
_GRACE_S = 2.0
_MOST = 1 << 16


class EngineSocket:
    """Starts commands in a container, each over a connection of its own. It is an ``Execute``."""

    def __init__(self, route: Route, program: str, stop: threading.Event) -> None:
        """Raises NotConnected where nothing is known that listens."""
        self._route = route
        self._stop = stop
        self._where = route.options.get("host") or os.environ.get("DOCKER_HOST") or _found(program)
        self._values: dict[str, object] = {
            "container": route.address,
            "program": program or "docker",
            "engine": self._where,
            "user": route.user,
        }
        # What its command line would have been told is beyond us.
        if route.words or urlsplit(self._where).scheme not in ("unix", "tcp"):
            raise NotConnected("docker.no-program", self._values)

    def __call__(self, command: str, *, terminal: bool = False) -> Stream:
        """Start one line of shell. Raises NotConnected."""
        mark = Mark()
        attached = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": terminal}
        wanted = {**attached, "Cmd": ["sh", "-c", mark.before(command)], "User": self._route.user}
        number = str(self._ask("POST", f"/containers/{quote(self._route.address, safe='')}/exec", wanted)["Id"])
        stream = _Hijacked(self._attach(number, terminal), mark, terminal, lambda: self._code(number))
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(stream.close)
            stream.put_back(wait_for_shell(stream, mark, self._route, self._values, self._stop, terminal=terminal))
            unless_started.pop_all()
        return stream

    def _connect(self) -> socket.socket:
        where = urlsplit(self._where)
        try:
            if where.scheme == "tcp":
                return socket.create_connection((where.hostname, where.port or 2375), self._route.timeout_s)
            ours = socket.socket(socket.AF_UNIX)
            try:
                ours.settimeout(self._route.timeout_s)
                ours.connect(where.path)
            except OSError:
                ours.close()
                raise
        except PermissionError as err:
            raise NotConnected("docker.denied", self._values) from err
        except OSError as err:
            raise NotConnected("docker.no-engine", {**self._values, "reason": str(err)}) from err
        return ours

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One question, and its JSON answer."""
        with contextlib.closing(http.client.HTTPConnection("docker")) as connection:
            connection.sock = self._connect()
            content = None if body is None else json.dumps(body)
            try:
                connection.request(method, path, content, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said = answer.read(_MOST)
                found: dict[str, Any] = json.loads(said or b"{}")
            except (OSError, http.client.HTTPException, ValueError) as err:
                raise NotConnected("docker.no-engine", {**self._values, "reason": str(err)}) from err
        if answer.status >= 400:
            raise explain(str(found.get("message", said)), {**self._values, "code": answer.status})
        return found

    def _attach(self, number: str, terminal: bool) -> socket.socket:
        """Start it; the connection then carries its streams."""
        body = json.dumps({"Detach": False, "Tty": terminal})
        words = f"POST /exec/{number}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        words += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ours = self._connect()
        try:
            ours.sendall(words.encode())
            head = b""
            # A byte at a time: what follows the head is the command's already.
            while not head.endswith(b"\r\n\r\n") and len(head) < _MOST and (byte := ours.recv(1)):
                head += byte
            if not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
                raise explain(f"{head.decode('latin-1')}\n{ours.recv(_MOST).decode('utf-8', 'replace')}", self._values)
        except OSError as err:
            ours.close()
            raise NotConnected("docker.no-engine", {**self._values, "reason": str(err)}) from err
        except NotConnected:
            ours.close()
            raise
        return ours

    def _code(self, number: str) -> int | None:
        try:
            code = self._ask("GET", f"/exec/{number}/json").get("ExitCode")
        except NotConnected:
            return None
        return code if isinstance(code, int) else None


def _found(program: str) -> str:
    """Where an engine listens on this machine."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/run")
    kinds = [os.path.basename(program)] if os.path.basename(program) in _PATHS else list(_PATHS)
    paths = [path.format(runtime=runtime) for kind in kinds for path in _PATHS[kind]]
    return next((f"unix://{path}" for path in paths if os.path.exists(path)), "")


class _Hijacked:
    """The streams of one command on one connection: stdout and stderr in turns, or a terminal's bytes as they are."""

    def __init__(self, ours: socket.socket, mark: Mark, terminal: bool, code: Any) -> None:
        self._socket = ours
        ours.setblocking(False)
        self._mark = mark
        self._terminal = terminal
        self._code = code
        self._raw = b""
        self._heard: deque[bytes] = deque()
        self._said = b""
        self._open = self._more = True

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            if not self._open:
                raise ChannelClosed(CLOSED)
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                # It may itself be waiting to be heard.
                if not self._ready(select.POLLIN | select.POLLOUT, _SILENCE_S):
                    raise ChannelClosed(FROZEN.format(seconds=_SILENCE_S), self._tail()) from None
                self._take()
            except OSError as err:
                raise self._end() from err

    def read(self, timeout_s: float) -> bytes:
        if not self._heard:
            if not self._open:
                raise ChannelClosed(CLOSED)
            if self._more and self._ready(select.POLLIN, timeout_s):
                self._take()
            if not self._heard and not self._more:
                raise self._end()
        return self._heard.popleft() if self._heard else b""

    def put_back(self, data: bytes) -> None:
        """What was read and is not for the reader."""
        if data:
            self._heard.appendleft(data)

    def said(self) -> str:
        return self._said.decode("utf-8", "replace")

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        # The end of its input ends the agent; a moment is left for it.
        latest = time.monotonic() + _GRACE_S
        with self._socket, contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while self._more and (left := latest - time.monotonic()) > 0 and self._ready(select.POLLIN, left):
                self._take()

    def _ready(self, events: int, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._socket, events)
        return bool(poll.poll(timeout_s * 1000))

    def _take(self) -> None:
        """What has come, sorted."""
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._more = bool(data)
        if self._terminal:
            self._keep(data)
            return
        self._raw += data
        while len(self._raw) >= _HEAD and len(self._raw) >= (end := _HEAD + int.from_bytes(self._raw[4:_HEAD], "big")):
            stream, content = self._raw[0], self._raw[_HEAD:end]
            self._raw = self._raw[end:]
            if stream == _STDERR:
                self._said = (self._said + self._mark.sift(content))[-_SAID:]
            else:
                self._keep(content)

    def _keep(self, data: bytes) -> None:
        if data and self._open:
            self._heard.append(data)

    def _tail(self) -> tuple[str, ...]:
        return tuple(self.said().splitlines()[-10:])

    def _end(self) -> ChannelClosed:
        code = self._code()
        return ChannelClosed(ending("the process", code), self._tail(), code)
