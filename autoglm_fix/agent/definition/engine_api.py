"""Docker's API over the engine's socket: docker, and podman that speaks it too."""

from __future__ import annotations

import glob
import http.client
import json
import os
import socket
import struct
from typing import Any, Dict
from urllib.parse import quote, urlencode, urlsplit

_PATIENCE_S = 10.0
_LONGEST = 16 << 20
_GONE = 404
_TRIES = 4
_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
_OF_USERS = ("/run/user/*/docker.sock", "/run/user/*/podman/podman.sock")

Record = Dict[str, Any]


class EngineError(Exception):
    """The engine refused, or gave no answer, in one sentence for people. ``status`` is HTTP's, 0 for none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """One engine, by the address of its API: ``unix://PATH`` or ``tcp://HOST:PORT``.

    Each call ends within seconds, but where it takes a ``patience``. EngineError for all that is not success.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_podman = False

    def inspect(self, container: str) -> Record:
        """The record of a container, by its name or id, running or not."""
        found: Record = self._ask("GET", f"/containers/{quote(container)}/json")
        return found

    def containers(self, labels: list[str] | None = None) -> list[Record]:
        """A short record of every container, running or not, that has these labels (``name=value``)."""
        query = {"all": "1", "filters": json.dumps({"label": labels or []})}
        found: list[Record]
        for _ in range(_TRIES):
            try:
                found = self._ask("GET", "/containers/json", query)
                return found
            except EngineError as err:
                # podman lists nothing at all where one of them is removed meanwhile.
                if err.status != _GONE:
                    raise
        found = self._ask("GET", "/containers/json", query)
        return found

    def image(self, name: str) -> Record:
        """The record of an image."""
        found: Record = self._ask("GET", f"/images/{quote(name)}/json")
        return found

    def changes(self, container: str) -> list[Record]:
        """What differs in a container's own layer: ``Path`` and ``Kind`` (0 changed, 1 added, 2 deleted)."""
        return self._ask("GET", f"/containers/{container}/changes") or []

    def logs(self, container: str, lines: int, tty: bool) -> list[str]:
        """The last lines of a container's output, newest last."""
        query = {"stdout": "1", "stderr": "1", "tail": str(lines)}
        raw = self._send("GET", f"/containers/{container}/logs", query)
        if not tty:
            raw = b"".join(part for _, part in Frames().feed(raw))
        return raw.decode("utf-8", "replace").splitlines()[-lines:]

    def create(self, name: str, body: Record) -> str:
        """Make a container; its id."""
        return str(self._ask("POST", "/containers/create", {"name": name}, body)["Id"])

    def connect(self, network: str, container: str, endpoint: Record) -> None:
        """Put a container into one more network."""
        self._send(
            "POST", f"/networks/{quote(network)}/connect", {}, {"Container": container, "EndpointConfig": endpoint}
        )

    def start(self, container: str) -> None:
        """Start it; nothing where it runs already."""
        self._send("POST", f"/containers/{container}/start")

    def stop(self, container: str, patience: float) -> None:
        """Stop it within the time that its record gives it; nothing where it does not run."""
        self._send("POST", f"/containers/{container}/stop", patience=patience)

    def restart(self, container: str, patience: float) -> None:
        """Stop and start it in one go."""
        self._send("POST", f"/containers/{container}/restart", patience=patience)

    def unpause(self, container: str) -> None:
        """Let its processes go on."""
        self._send("POST", f"/containers/{container}/unpause")

    def rename(self, container: str, name: str) -> None:
        """Give it another name."""
        self._send("POST", f"/containers/{container}/rename", {"name": name})

    def remove(self, container: str) -> None:
        """Remove it, killing it where it runs. Its volumes stay, those without a name too."""
        self._send("DELETE", f"/containers/{container}", {"force": "1", "v": "0"}, patience=60.0)

    def update(self, container: str, body: Record) -> None:
        """Change what can be changed of a living container (its restart policy)."""
        self._send("POST", f"/containers/{container}/update", {}, body)

    def prepare(self, container: str, argv: list[str]) -> str:
        """The id of a further process in a running container, as its user, which ``execute`` starts."""
        streams = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
        return str(self._ask("POST", f"/containers/{container}/exec", {}, {**streams, "Cmd": argv})["Id"])

    def execute(self, execution: str) -> socket.socket:
        """Start it: what is sent goes to its input, what comes are frames (see ``Frames``) of its outputs."""
        connection = _connection(self.address, _PATIENCE_S)
        body = b'{"Detach": false, "Tty": false}'
        head = (
            f"POST /exec/{execution}/start HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            connection.connect()
            opened: socket.socket = connection.sock
            opened.sendall(head.encode() + body)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):  # a byte at a time: the frames follow at once
                byte = opened.recv(1)
                if not byte:
                    raise EngineError(f"{self.address} broke off before it started anything")
                answer += byte
        except OSError as err:
            raise EngineError(f"the engine at {self.address} cannot be asked: {err.strerror or err}") from err
        status = answer.split(b" ", 2)[1]
        if status not in (b"101", b"200"):
            raise EngineError(f"{self.address} starts no process in it: {status.decode('ascii', 'replace')}")
        return opened

    def execution(self, execution: str) -> Record:
        """The record of a further process: ``Pid`` as the host counts, ``Running``, ``ExitCode``."""
        found: Record = self._ask("GET", f"/exec/{execution}/json")
        return found

    def archive(self, container: str, path: str) -> bytes:
        """A file of it as a tar archive."""
        return self._send("GET", f"/containers/{container}/archive", {"path": path})

    def is_folder(self, container: str, path: str) -> bool:
        """Whether a path inside is a folder."""
        import base64

        headers: dict[str, str] = {}
        self._send("HEAD", f"/containers/{container}/archive", {"path": path}, headers=headers)
        said = json.loads(base64.b64decode(headers.get("x-docker-container-path-stat", "") or b"e30="))
        return bool(int(said.get("mode", 0)) & 1 << 31)  # as Go numbers it

    def _ask(self, method: str, path: str, query: dict[str, str] | None = None, body: Record | None = None) -> Any:
        raw = self._send(method, path, query, body)
        try:
            return json.loads(raw.decode("utf-8", "replace"))
        except ValueError:
            raise EngineError(f"{self.address} answers {path} with something else than JSON") from None

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Record | None = None,
        patience: float = _PATIENCE_S,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        connection = _connection(self.address, patience)
        raw = b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if raw else {}
        try:
            connection.request(method, path + ("?" + urlencode(query) if query else ""), raw or None, sent)
            answer = connection.getresponse()
            said = answer.read(_LONGEST)
        except socket.timeout:
            raise EngineError(f"the engine at {self.address} gives no answer within {patience:g} s") from None
        except (OSError, http.client.HTTPException) as err:
            reason = getattr(err, "strerror", None) or str(err) or type(err).__name__
            raise EngineError(f"the engine at {self.address} cannot be asked: {reason}") from err
        finally:
            connection.close()
        self.is_podman = self.is_podman or answer.getheader("Libpod-API-Version") is not None
        if headers is not None:
            headers.update((name.lower(), value) for name, value in answer.getheaders())
        if answer.status >= 400:
            message = _message(said)
            # podman calls it a fault of its own where a container goes while it is looked at.
            status = _GONE if "no such container" in message.lower() else answer.status
            raise EngineError(message or f"{self.address} answers {answer.status} to {path}", status)
        return said


class _Local(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return _Local(parts.path, timeout)
    if parts.scheme in ("tcp", "http") and parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
    raise EngineError(f"the engine at {address} is not one of this machine: its containers are looked at from there")


def addresses() -> list[str]:
    """Where engines of this machine may listen, the one that the environment names first."""
    named = [os.environ.get(name, "") for name in ("DOCKER_HOST", "CONTAINER_HOST")]
    paths = [*_SOCKETS, *(path for pattern in _OF_USERS for path in sorted(glob.glob(pattern)))]
    found = [*filter(None, named), *("unix://" + path for path in paths if os.path.exists(path))]
    real = {address: os.path.realpath(urlsplit(address).path) for address in found if address.startswith("unix:")}
    return [each for at, each in enumerate(found) if real.get(each, each) not in map(real.get, found[:at])]


class Frames:
    """Takes two outputs apart that come as one: frames of a number, three blanks, a length, and what was written."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The whole frames so far: 1 for output, 2 for errors."""
        self._rest += data
        found = []
        while len(self._rest) >= 8:
            number, length = struct.unpack_from(">B3xI", self._rest)
            if len(self._rest) < 8 + length:
                break
            found.append((number, self._rest[8 : 8 + length]))
            self._rest = self._rest[8 + length :]
        return found


def _message(raw: bytes) -> str:
    try:
        said = json.loads(raw)
        return str(said.get("message") or said.get("cause") or "").strip()
    except (ValueError, AttributeError):
        return ""
