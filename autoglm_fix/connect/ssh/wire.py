"""The bytes below one SSH connection: what paramiko takes for its socket, and where a silent end is noticed."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from typing import Protocol

from .settings import KEEPALIVE_S

_PIECE = 1 << 14
# How often a quiet connection is looked at; paramiko's own way is ten times a second.
BEAT_S = 5.0
_GREETING = 512
_STUCK_S = 0.2
GONE = "the other end closed the connection"


class Ends(Protocol):
    """Both ends of a byte stream to a host. Receiving and sending may go on in two threads at once."""

    def receive(self, count: int) -> bytes:
        """What has come, ``b""`` at the end; TimeoutError after a beat without anything."""

    def send(self, data: bytes) -> int:
        """How many bytes of it were sent; TimeoutError after a beat in which none could be."""

    def hang_up(self) -> None:
        """End it, and wake who waits on it. May be called more than once, from any thread."""

    def release(self) -> None:
        """Free what it holds, once nobody uses it any more."""

    def lost(self) -> str:
        """Why it ended, where it knows better than "the other end closed it"."""

    def behind(self) -> str | None:
        """The jump host that was lost, if one was."""

    def tail(self) -> tuple[str, ...]:
        """The last lines that a program on the way said."""


class SocketEnds:
    """A TCP connection: small packets leave at once, and the kernel notices a dead peer, too."""

    def __init__(self, connection: socket.socket, keepalive_s: float, count: int) -> None:
        self._socket = connection
        self._socket.settimeout(min(BEAT_S, keepalive_s / 3) if keepalive_s else BEAT_S)
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Where the host is not to be asked, the kernel still does: nobody sees that but the host's own.
            _keep_alive(connection, keepalive_s or KEEPALIVE_S, count)

    def receive(self, count: int) -> bytes:
        return self._socket.recv(count)

    def send(self, data: bytes) -> int:
        return self._socket.send(data)

    def hang_up(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as err:
            if err.errno not in (errno.ENOTCONN, errno.EBADF):
                raise

    def release(self) -> None:
        self._socket.close()

    def lost(self) -> str:
        return ""

    def behind(self) -> str | None:
        return None

    def tail(self) -> tuple[str, ...]:
        return ()


class Wire:
    """A byte stream with a memory: what came first, when something came last, why it ended.

    ``ping``, once set, is called when nothing came for ``keepalive_s``; nothing for ``count`` times that long, and
    the connection is dead: reads and writes end. 0 s: never, and a host that hangs is found by what waits for it.
    """

    def __init__(self, ends: Ends, keepalive_s: float, count: int) -> None:
        self.ends = ends
        self.ping: Callable[[], None] | None = None
        self.ended = ""
        self.closed = False
        self.greeting = b""
        self._keepalive_s = keepalive_s
        self._count = max(count, 1)
        self._unanswered = 0
        self._sending_since: float | None = None
        self._heard = self._pinged = time.monotonic()
        self._came = b""
        self._at = 0

    @property
    def stuck(self) -> bool:
        """Whether a write gets no further: another would have to wait for it."""
        since = self._sending_since
        return since is not None and time.monotonic() - since > _STUCK_S

    # -- what paramiko calls

    def recv(self, count: int) -> bytes:
        if self._at >= len(self._came):
            self._came, self._at = self._receive(), 0
        data = self._came[self._at : self._at + count]
        self._at += len(data)
        return data

    def send(self, data: bytes) -> int:
        if self.closed:
            raise BrokenPipeError(errno.EPIPE, self.ended)
        self._sending_since = self._sending_since or time.monotonic()
        try:
            sent = self.ends.send(data)
        except TimeoutError as err:
            if err.errno == errno.ETIMEDOUT or self._is_dead(sending=True):
                self.end(self._silence(err))
            raise
        except OSError as err:
            self.end(self.ends.lost() or _reason(err))
            raise
        self._sending_since = None
        return sent

    def close(self) -> None:
        """Hang up; who waits on it is woken."""
        self.closed = True
        self.ends.hang_up()

    @property
    def _closed(self) -> bool:
        return self.closed

    def settimeout(self, timeout: float | None) -> None:
        """Left as it is: waits are a beat long, and end at once when there is a reason."""

    # -- inside

    def end(self, reason: str) -> None:
        """Hang up, for a reason; the first one counts, and none does once we have closed it."""
        if not self.closed:
            self.ended = reason
        self.close()

    def _receive(self) -> bytes:
        if self.closed:
            return b""
        try:
            data = self.ends.receive(_PIECE)
        except TimeoutError as err:
            if err.errno == errno.ETIMEDOUT or self._is_dead():
                self.end(self._silence(err))
                return b""
            self._ping()
            raise
        except OSError as err:
            self.end(self.ends.lost() or _reason(err))
            return b""
        if not data:
            self.end(self.ends.lost() or GONE)
        self._heard, self._unanswered = time.monotonic(), 0
        if len(self.greeting) < _GREETING:
            self.greeting += data[:_GREETING]
        return data

    def _ping(self) -> None:
        now = time.monotonic()
        quiet = now - max(self._heard, self._pinged)
        if self.ping is not None and self._keepalive_s and quiet >= self._keepalive_s:
            self._pinged = now
            self._unanswered += 1
            self.ping()

    def _is_dead(self, sending: bool = False) -> bool:
        if self.ping is None or not self._keepalive_s:
            return False
        # Who waits to send cannot ask; and before it is given up it must have been asked.
        asked = sending or self._unanswered >= self._count - 1
        return asked and time.monotonic() - self._heard >= self._keepalive_s * self._count

    def _silence(self, err: TimeoutError) -> str:
        if err.errno == errno.ETIMEDOUT:  # the kernel's own keepalive
            return _reason(err)
        return f"it gave no sign of life for {self._keepalive_s * self._count:.0f} s"


def _keep_alive(connection: socket.socket, keepalive_s: float, count: int) -> None:
    seconds = max(int(keepalive_s), 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)


def _reason(err: OSError) -> str:
    return (err.strerror or str(err) or type(err).__name__).lower()
