"""A TCP proxy that does to a connection what networks, firewalls and dying hosts do."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Passes bytes on between whoever connects to ``port`` and ``target``, or does what a test tells it to.

    ``frozen``: nothing is passed on, and nothing is closed. ``cut``: all connections are closed. ``cut_after``: each
    is, after so many bytes from the target. ``per_s``: no more bytes a second than that. ``refuse``: how many of the
    next connections are closed at once. ``accepted``: how many there were.
    """

    target: tuple[str, int]
    port: int = 0
    accepted: int = 0
    frozen: threading.Event = field(default_factory=threading.Event)
    cut: threading.Event = field(default_factory=threading.Event)
    cut_after: int | None = None
    per_s: int | None = None
    refuse: int = 0


@contextlib.contextmanager
def proxy(host: str, port: int) -> Iterator[Proxy]:
    """A proxy on 127.0.0.1 in front of that address."""
    done, threads = threading.Event(), []
    state = Proxy((host, port))

    def passing(near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(state.target) as far:
            _pass_on(state, near, far, done)

    def take(near: socket.socket) -> None:
        state.accepted += 1
        if state.refuse:
            state.refuse -= 1
            near.close()
            return
        threads.append(threading.Thread(target=passing, args=(near,)))
        threads[-1].start()

    with listening(take) as state.port:
        try:
            yield state
        finally:
            done.set()
            for thread in threads:
                thread.join()


@contextlib.contextmanager
def listening(take: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of this machine; ``take`` gets each connection to it."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        server.settimeout(0.05)

        def accept() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    take(server.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            done.set()
            thread.join()


@contextlib.contextmanager
def saying(words: bytes, then_close: bool = False) -> Iterator[int]:
    """A port where every connection is told the same, and nothing else ever."""
    held: list[socket.socket] = []

    def take(near: socket.socket) -> None:
        near.sendall(words)
        held.append(near)
        if then_close:
            # Not quite closed: what it has not read would reset the connection, and what it said be lost.
            near.shutdown(socket.SHUT_WR)

    try:
        with listening(take) as port:
            yield port
    finally:
        for each in held:
            each.close()


def _pass_on(state: Proxy, near: socket.socket, far: socket.socket, done: threading.Event) -> None:
    came = 0
    with selectors.DefaultSelector() as ready:
        ready.register(near, selectors.EVENT_READ, far)
        ready.register(far, selectors.EVENT_READ, near)
        while not done.is_set() and not state.cut.is_set():
            if state.frozen.is_set():
                done.wait(0.02)
                continue
            for key, _ in ready.select(0.02):
                source, sink = near if key.data is far else far, key.data
                data = source.recv(state.per_s // 50 if state.per_s else 65536)
                if source is far:
                    if state.cut_after is not None:
                        data = data[: max(state.cut_after - came, 0)]
                    came += len(data)
                if not data:
                    return
                sink.sendall(data)
                if state.cut_after is not None and came >= state.cut_after:
                    return
                if state.per_s:
                    time.sleep(len(data) / state.per_s)
