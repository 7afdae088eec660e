"""HTTP/1.1 to one server, every wait with a deadline; never through a proxy, never to another address."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Iterator, cast
from urllib.parse import urlsplit

CONNECT_S = 2.0
MOST_BYTES = 4 << 20
_CHUNK = 1 << 16


class Trouble(Exception):
    """A request without a whole answer, in words for people.

    ``kind``: ``address`` (it leads nowhere), ``refused``, ``unreachable``, ``tls``, ``timeout``, ``closed`` (it ended
    too early), ``broken`` (what came is no HTTP, or not what was asked for), ``large``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Address:
    """Where a server is. ``path`` is the API's, such as ``/v1``; ``root`` what stands before it."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """An endpoint's. One that names no path means ``/v1``. Trouble where it is no address."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as err:
            raise Trouble("address", f"{url} is not an address") from err
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Trouble("address", f"{url} is not an http or https address")
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/") or "/v1")

    @property
    def root(self) -> str:
        return self.path[: -len("/v1")] if self.path.endswith("/v1") else self.path

    @property
    def url(self) -> str:
        """The address without what may be secret in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


class _Wire(io.RawIOBase):
    """A socket for http.client whose every wait ends at ``until`` (monotonic seconds)."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.until = until
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        self._patient()
        return self._sock.recv_into(room)

    def makefile(self, *_mode: Any) -> io.BufferedReader:
        return io.BufferedReader(self)

    def sendall(self, data: bytes) -> None:
        self._patient()
        self._sock.sendall(data)

    def close(self) -> None:
        """http.client closes its socket before the answer is read; whoever opened it closes it later."""

    def _patient(self) -> None:
        self._sock.settimeout(max(self.until - time.monotonic(), 0.001))


class Answer:
    """An answer whose body is still to be read. ``until`` may be moved while it is."""

    def __init__(self, wire: _Wire, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.type = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        self.server = [response.headers.get(name) or "" for name in ("Server", "Via")]
        self._wire = wire
        self._response = response

    def wait_until(self, moment: float) -> None:
        self._wire.until = moment

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Trouble where it ends too early or comes too late."""
        count = 0
        while True:
            with _told():
                data = self._response.read1(_CHUNK)
            if not data:
                if self._response.length:
                    raise Trouble("closed", "the connection ended in the middle of the answer")
                return
            count += len(data)
            if count > MOST_BYTES:
                raise Trouble("large", f"the answer has more than {MOST_BYTES} bytes")
            yield data

    def text(self) -> str:
        return b"".join(self.chunks()).decode("utf-8", "replace")


class Caller:
    """Calls one server. The key goes into the header of each request, and out of all that is kept."""

    def __init__(self, address: Address, key: str | None) -> None:
        self.address = address
        self._key = key
        self.peer = ""  # the address that answered last

    @contextlib.contextmanager
    def open(self, path: str, until: float, body: dict[str, Any] | None = None) -> Iterator[Answer]:
        """The answer to a GET, or to a POST of ``body``. ``until`` is when its head has to be there."""
        headers = {"Accept": "*/*", "Connection": "close", "User-Agent": "autoglm-fix"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        sock = self._connect(until)
        try:
            wire = _Wire(sock, until)
            connection = http.client.HTTPConnection(self.address.host, self.address.port)
            connection.sock = cast(socket.socket, wire)
            with _told():
                connection.request("GET" if data is None else "POST", path, data, headers)
                response = connection.getresponse()
            yield Answer(wire, response)
        finally:
            sock.close()

    def get(self, path: str, seconds: float) -> dict[str, Any]:
        """``status`` and ``text``, or the ``error`` in their place."""
        try:
            with self.open(path, time.monotonic() + seconds) as answer:
                return {"status": answer.status, "text": self.hide(answer.text()), "error": None}
        except Trouble as err:
            return {"status": None, "text": "", "error": self.told(err)}

    def told(self, trouble: Trouble, stage: str = "") -> dict[str, str]:
        """A trouble as evidence."""
        return {"kind": trouble.kind, "stage": stage, "message": self.hide(str(trouble))}

    def hide(self, text: str) -> str:
        """The text without the key: some servers repeat it when they refuse it."""
        return text.replace(self._key, "***") if self._key else text

    def _connect(self, until: float) -> socket.socket:
        where = self.address
        seconds = max(min(CONNECT_S, until - time.monotonic()), 0.001)
        try:
            sock = socket.create_connection((where.host, where.port), timeout=seconds)
        except socket.gaierror as err:
            raise Trouble("address", f"{where.host} has no address: {err.strerror}") from err
        except ConnectionRefusedError as err:
            raise Trouble("refused", f"nothing listens on {where.host}:{where.port}") from err
        except (OSError, UnicodeError) as err:
            raise Trouble("unreachable", f"{where.host}:{where.port}: {err}") from err
        self.peer = str(sock.getpeername()[0])
        if where.scheme == "http":
            return sock
        try:
            return ssl.create_default_context().wrap_socket(sock, server_hostname=where.host)
        except (OSError, ValueError) as err:
            sock.close()
            raise Trouble("tls", str(err)) from err


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the network raises, as Trouble."""
    try:
        yield
    except socket.timeout as err:
        raise Trouble("timeout", "nothing came in time") from err
    except (ConnectionError, http.client.IncompleteRead) as err:
        raise Trouble("closed", str(err) or type(err).__name__) from err
    except (OSError, http.client.HTTPException, ValueError) as err:
        raise Trouble("broken", f"{type(err).__name__}: {err}") from err
