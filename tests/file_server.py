"""A real HTTP server on loopback that can misbehave in the ways that file servers do."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

_CHUNK = 1 << 16


class FileServer(http.server.ThreadingHTTPServer):
    """Serves ``files`` (path -> bytes) and ``answers`` (path -> JSON), and remembers what it did.

    ``cuts``: after how many bytes of a body to drop the connection, one entry an answer; ``stall_after``:
    after how many bytes in all to send nothing more; ``statuses``: path -> codes to answer with first;
    ``types``: path -> what its answer says it is; ``redirects``: path -> address; ``password``: "user:password"
    that all must show; ``ranges``, ``etags`` and ``lengths``: whether it knows them; ``refuses_head``,
    ``status_for_all`` and ``page_for_all``: what it says whatever one asks.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes] | None = None, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if context else "http"
        self.files = dict(files or {})
        self.answers: dict[str, Any] = {}
        self.links: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.redirects: dict[str, str] = {}
        self.redirect_status = 302
        self.statuses: dict[str, list[int]] = {}
        self.cuts: list[int] = []
        self.stall_after: int | None = None
        self.ranges = True
        self.etags = True
        self.lengths = True
        self.password = ""
        self.refuses_head = False
        self.status_for_all: int | None = None
        self.page_for_all: bytes | None = None
        self.sent = 0
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many of these tests are about."""

    def asked(self, method: str) -> list[str]:
        return [path for each, path, _ in self.requests if each == method]


@contextmanager
def serving(files: dict[str, bytes] | None = None, context: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    server = FileServer(files, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FileServer

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        server, path = self.server, urlsplit(self.path).path
        server.requests.append((self.command, self.path, dict(self.headers.items())))
        if server.password and self.headers.get("Authorization") != "Basic " + _base64(server.password):
            self._end(401, **{"WWW-Authenticate": "Basic realm=tests"})
        elif server.status_for_all or (server.refuses_head and not body):
            self._end(server.status_for_all or 405)
        elif server.page_for_all is not None:
            self._send(200, server.page_for_all, body, {"Content-Type": "text/html; charset=utf-8"})
        elif server.statuses.get(path):
            self._end(server.statuses[path].pop(0))
        elif path in server.redirects:
            self._end(server.redirect_status, Location=server.redirects[path])
        elif self.path in server.answers or path in server.answers:
            text = json.dumps(server.answers.get(self.path, server.answers.get(path))).encode()
            link = {"Link": server.links[self.path]} if self.path in server.links else {}
            kind = server.types.get(path, "application/json")
            self._send(200, text, body, {"Content-Type": kind, **link})
        elif path in server.files:
            self._file(server.files[path], body)
        else:
            self._end(404)

    def _file(self, content: bytes, body: bool) -> None:
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        headers = {"ETag": etag} if self.server.etags else {}
        start = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        if not self.server.ranges or not start or self.headers.get("If-Range", etag) != etag:
            self._send(200, content, body, headers)
        elif int(start) >= len(content):
            self._end(416)
        else:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206, content[int(start) :], body, headers)

    def _send(self, status: int, content: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.server.lengths:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        stall = self.server.stall_after
        for at in range(0, len(content), _CHUNK):
            piece = content[at : at + _CHUNK]
            if cut is not None and at + len(piece) > cut:
                self._write(piece[: cut - at])
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if stall is not None and self.server.sent + len(piece) > stall:
                self._write(piece[: stall - self.server.sent])
                self.server.released.wait()
                return
            self._write(piece)

    def _write(self, piece: bytes) -> None:
        self.wfile.write(piece)
        self.server.sent += len(piece)

    def _end(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
