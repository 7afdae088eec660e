"""Reaching a host's sshd: a name looked up, addresses tried, or a ProxyCommand started; each with a deadline."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autoglm_fix import __version__

from ..channel import NotConnected
from .settings import SshSettings
from .wire import Ends, SocketEnds

Stopped = Callable[[], bool]

# The next address is tried beside the one before it after so long (RFC 8305).
_NEXT_AFTER_S = 0.25
_TURN_S = 0.2
_SAID = 8192
_GRACE_S = 0.5
# With no "-" and no blank in what comes after the second "-" (RFC 4253, 4.2).
GREETING = f"SSH-2.0-autoglm_fix_{__version__}"
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}


class Interrupted(Exception):
    """The run was stopped while something was waited for."""


@dataclass(frozen=True)
class Address:
    """An address of a host: the family, and what ``connect`` takes."""

    family: socket.AddressFamily
    whole: tuple[Any, ...]

    @property
    def host(self) -> str:
        return str(self.whole[0])


class ProxyEnds(SocketEnds):
    """A ProxyCommand in a session of its own, its stdin and stdout one socket; what it says on stderr is kept."""

    def __init__(self, settings: SshSettings) -> None:
        ours, theirs = socket.socketpair()
        self._errors, errors = os.pipe()
        os.set_blocking(self._errors, False)
        try:
            self._process = subprocess.Popen(
                ("/bin/sh", "-c", f"exec {settings.proxy_command}"),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                start_new_session=True,
            )
        except OSError as err:
            ours.close()
            os.close(self._errors)
            raise NotConnected("link.proxy-command", {"host": settings.name, "reason": err.strerror}) from err
        finally:
            theirs.close()
            os.close(errors)
        super().__init__(ours, *_keepalive(settings))
        self._said = b""

    def receive(self, count: int) -> bytes:
        try:
            return super().receive(count)
        finally:
            self._listen()

    def release(self) -> None:
        """End the command, too, and all that it started."""
        if self._errors < 0:
            return
        super().release()
        for blow in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, blow)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)
                break
        self._process.wait()
        self._listen()
        errors, self._errors = self._errors, -1
        os.close(errors)

    def lost(self) -> str:
        return "its ProxyCommand ended"

    def tail(self) -> tuple[str, ...]:
        self._listen()
        return tuple(self._said.decode("utf-8", "replace").splitlines()[-10:])

    def _listen(self) -> None:
        if self._errors < 0:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._errors, _SAID):
                self._said = (self._said + data)[-_SAID:]


def _keepalive(settings: SshSettings) -> tuple[float, int]:
    return settings.keepalive_s, settings.keepalive_count


def look_up(settings: SshSettings, stopped: Stopped) -> list[Address]:
    """The host's addresses, in the order in which to try them; none for a ProxyCommand's. Raises NotConnected."""
    if settings.proxy_command is not None:
        return []
    family = _FAMILIES.get(settings.address_family, socket.AF_UNSPEC)
    answers: list[list[Address] | socket.gaierror | UnicodeError] = []
    done = threading.Event()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(settings.hostname, settings.port, family, socket.SOCK_STREAM)
            answers.append([Address(socket.AddressFamily(each[0]), each[4]) for each in found])
        except (socket.gaierror, UnicodeError) as err:
            answers.append(err)
        done.set()

    if _is_address(settings.hostname):
        ask()
    else:
        # A resolver has no deadline of its own that could be set: a hung one is left to itself.
        threading.Thread(target=ask, name=f"looking up {settings.hostname}", daemon=True).start()
    values = {"host": settings.name, "hostname": settings.hostname}
    if not wait(done, settings.timeout_s, stopped):
        raise NotConnected("link.lookup-slow", {**values, "seconds": _seconds(settings.timeout_s)})
    if isinstance(answers[0], socket.gaierror):
        reason, passing = answers[0].strerror, answers[0].errno == socket.EAI_AGAIN
        raise NotConnected("link.no-such-name", {**values, "reason": reason}, passing=passing)
    if isinstance(answers[0], UnicodeError):
        raise NotConnected("link.no-such-name", {**values, "reason": "it is no name of a host"})
    return _alternating(answers[0])


def connect(settings: SshSettings, addresses: list[Address], stopped: Stopped) -> SocketEnds:
    """A TCP connection to the host, or the ProxyCommand that makes one. Raises NotConnected, Interrupted."""
    if settings.proxy_command is not None:
        return ProxyEnds(settings)
    return SocketEnds(_connected(settings, addresses, stopped), *_keepalive(settings))


def greet(ends: Ends) -> None:
    """Say what each side says first, which waits for nothing: a sshd then goes on at once."""
    with contextlib.suppress(OSError):  # that it has ended is heard where it is listened to
        ends.send(f"{GREETING}\r\n".encode())


def _connected(settings: SshSettings, addresses: list[Address], stopped: Stopped) -> socket.socket:
    """The first connection that stands; each address gets a start over the next."""
    latest = time.monotonic() + settings.timeout_s
    waiting = select.poll()
    trying: dict[int, socket.socket] = {}
    left = list(addresses)
    reason, next_at = errno.ETIMEDOUT, 0.0
    try:
        while time.monotonic() < latest and (left or trying):
            if stopped():
                raise Interrupted
            if left and (not trying or time.monotonic() >= next_at):
                reason = _begin(settings, left.pop(0), trying, waiting) or reason
                next_at = time.monotonic() + _NEXT_AFTER_S
            until = min(latest, next_at) if left else latest
            pause = min(max(until - time.monotonic(), 0.0), _TURN_S) if trying else 0.0
            for number, _ in waiting.poll(pause * 1000):
                waiting.unregister(number)
                connection = trying.pop(number)
                failed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not failed:
                    return connection
                connection.close()
                reason = failed
    finally:
        for connection in trying.values():
            connection.close()
    raise _no_connection(settings, addresses, reason if not trying else errno.ETIMEDOUT)


def _begin(settings: SshSettings, address: Address, trying: dict[int, socket.socket], waiting: select.poll) -> int:
    """Start to connect to an address; the number of the error where even that fails."""
    connection = None
    try:
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        connection.setblocking(False)
        if settings.bind_address:
            connection.bind((settings.bind_address, 0))
        begun = connection.connect_ex(address.whole)
    except OSError as err:
        begun = err.errno or errno.EIO
    if connection is not None and begun in (0, errno.EINPROGRESS):
        trying[connection.fileno()] = connection
        waiting.register(connection, select.POLLOUT)
        return 0
    if connection is not None:
        connection.close()
    return begun


def _no_connection(settings: SshSettings, addresses: list[Address], reason: int) -> NotConnected:
    tried = [address.host for address in addresses]
    values = {"host": settings.name, "hostname": settings.hostname, "addresses": tried, "port": settings.port}
    if reason == errno.ETIMEDOUT:
        return NotConnected("link.no-answer", {**values, "seconds": _seconds(settings.timeout_s)})
    if reason == errno.ECONNREFUSED:
        return NotConnected("link.refused", values, passing=True)
    return NotConnected(
        "link.no-way", {**values, "reason": os.strerror(reason)}, passing=reason in (errno.ECONNRESET, errno.EAGAIN)
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _alternating(found: list[Address]) -> list[Address]:
    """Families in turn, beginning with the resolver's favourite: a broken one costs a quarter of a second."""
    found = list(dict.fromkeys(found))
    first = [each for each in found if each.family == found[0].family]
    other = [each for each in found if each.family != found[0].family]
    paired = [each for pair in zip(first, other, strict=False) for each in pair]
    return paired + first[len(other) :] + other[len(first) :]


def wait(done: threading.Event, timeout_s: float, stopped: Stopped) -> bool:
    """Whether it was done in time. Raises Interrupted."""
    latest = time.monotonic() + timeout_s
    while not done.is_set() and (left := latest - time.monotonic()) > 0:
        if stopped():
            raise Interrupted
        done.wait(min(left, _TURN_S))
    return done.is_set()


def _seconds(timeout_s: float) -> str:
    return f"{timeout_s:g}"
