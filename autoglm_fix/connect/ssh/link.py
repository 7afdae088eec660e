"""One SSH connection to a host: how it comes to stand, phase by phase, what runs on it, and how it ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import cast

from paramiko import Channel, ChannelException, Message, SSHException, Transport
from paramiko.common import cMSG_GLOBAL_REQUEST
from paramiko.ssh_exception import IncompatiblePeer

from ..channel import ChannelClosed, NotConnected
from ..route import Credentials
from .algorithms import agree
from .dial import GREETING, Interrupted, Stopped
from .host_keys import HostKeys
from .login import Logins
from .packets import Packets
from .settings import SshSettings
from .stream import SshStream
from .wire import Wire

# 256 KiB frames in flight at 50 ms, and no more than that kept of a host that nobody listens to.
_WINDOW = 1 << 20
_PACKET = 1 << 15
_TURN_S = 0.2
_JOIN_S = 2.0
_SILENT_S = 1.0
_CONNECT_FAILED = 2
_FULL = ("maxstartups", "not allowed at this time")


@dataclass(frozen=True)
class Checks:
    """What the connections of a run share on their way to a login."""

    host_keys: HostKeys
    logins: Logins


class Link:
    """An SSH connection that is logged in. Use it from any thread; once ``stopped`` nothing new is begun on it."""

    def __init__(
        self, settings: SshSettings, wire: Wire, transport: Transport, stopped: Stopped = lambda: False
    ) -> None:
        self._stopped = stopped
        self.settings = settings
        self._wire = wire
        self._transport = transport
        self._hung_up = False
        # paramiko closes a channel that nobody refers to any more wherever garbage is collected, in the middle of
        # another packet too, and then waits for itself for ever.
        self._channels: list[Channel] = []
        self._lock = threading.Lock()
        wire.ping = self._ping

    def execute(self, command: str, *, terminal: bool = False) -> SshStream:
        """Start one line of shell with the user's login shell there. Raises NotConnected."""
        deadline = time.monotonic() + self.settings.timeout_s
        try:
            channel = self._open("session", None, self.settings.timeout_s)
        except ChannelException as err:
            values = {"host": self.settings.name, "reason": err.text}
            raise NotConnected("link.no-session", values, refused=True) from err
        except TimeoutError as err:
            values = {"host": self.settings.name, "seconds": f"{self.settings.timeout_s:g}"}
            raise NotConnected("link.slow-session", values) from err
        except Interrupted:
            raise NotConnected("connect.stopped", {"host": self.settings.name}) from None
        stream = SshStream(self, channel)
        try:
            stream.start(command, terminal, deadline)
        except ChannelClosed as err:
            raise self._dropped() from err
        return stream

    def tunnel(self, host: str, port: int, timeout_s: float) -> Channel:
        """A connection from there on to another host.

        Raises ChannelException where it is refused, TimeoutError where there is no answer, NotConnected, Interrupted.
        """
        return self._open("direct-tcpip", (host, port), timeout_s)

    def lost(self) -> str:
        """Why the connection is gone, empty while it stands."""
        if self._wire.ended or self._transport.is_active():
            return self._wire.ended
        if self._hung_up:
            return "it was ended from here"
        packets = self._transport.packetizer
        if isinstance(packets, Packets) and packets.farewell:
            return f"its sshd said {packets.farewell!r}"
        problem = self._transport.saved_exception
        return str(problem) if isinstance(problem, SSHException) else "its sshd ended the connection"

    def behind(self) -> str | None:
        """The jump host that was lost, where that ended it."""
        return self._wire.ends.behind()

    @property
    def stuck(self) -> bool:
        return self._wire.stuck

    def send(self, message: Message, deadline: float) -> None:
        """Send one message of the protocol. Raises ChannelClosed."""
        transport = self._transport
        while time.monotonic() < deadline and transport.is_active():
            # Between two sets of keys nothing else may be sent.
            if transport.clear_to_send.wait(_TURN_S) and transport.clear_to_send_lock.acquire(timeout=_TURN_S):
                try:
                    if transport.clear_to_send.is_set():
                        transport.packetizer.send_message(message)
                        return
                except (EOFError, OSError, SSHException) as err:
                    raise ChannelClosed(self.lost() or str(err)) from err
                finally:
                    transport.clear_to_send_lock.release()
        raise ChannelClosed(self.lost() or "nothing could be sent in time")

    def signal_of(self, channel: Channel) -> str:
        packets = self._transport.packetizer
        return packets.signals.get(channel.chanid, "") if isinstance(packets, Packets) else ""

    def hang_up(self) -> None:
        """End it; nothing is waited for."""
        self._hung_up = True
        self._wire.close()

    def close(self) -> None:
        """End it, and all that it holds: its thread, its socket, its ProxyCommand."""
        self._hung_up = True
        _shut(self._wire, self._transport)

    def _open(self, kind: str, target: tuple[str, int] | None, timeout_s: float) -> Channel:
        """Open a channel. Raises ChannelException, TimeoutError, NotConnected, Interrupted."""
        latest = time.monotonic() + timeout_s
        answers: SimpleQueue[Channel | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                channel = self._transport.open_channel(
                    kind, target, ("127.0.0.1", 0), window_size=_WINDOW, timeout=timeout_s
                )
                with self._lock:
                    self._channels = [*(each for each in self._channels if not each.closed), channel]
                answers.put(channel)
            except (SSHException, EOFError, OSError) as err:
                answers.put(err)

        # In a thread of its own: paramiko's call cannot be interrupted once it waits for the answer.
        threading.Thread(target=ask, name=f"opening a channel of {self.settings.name}", daemon=True).start()
        answer = self._answered(answers, latest + _SILENT_S)
        if isinstance(answer, Channel):
            return answer
        if isinstance(answer, ChannelException):
            raise answer
        if not self._transport.is_active():
            raise self._dropped() from answer
        if time.monotonic() >= latest:
            raise TimeoutError(str(answer)) from answer
        # Two were refused at once, and paramiko keeps one reason.
        raise ChannelException(_CONNECT_FAILED, "connect failed") from answer

    def _answered(self, answers: SimpleQueue[Channel | Exception], latest: float) -> Channel | Exception:
        """What the request for a channel came to; a TimeoutError after ``latest``. Raises Interrupted."""
        while time.monotonic() < latest:
            if self._stopped():
                raise Interrupted
            with contextlib.suppress(Empty):
                return answers.get(timeout=_TURN_S)
        return TimeoutError("no answer")

    def _dropped(self) -> NotConnected:
        values = {"host": self.settings.name, "reason": self.lost()}
        return NotConnected("link.dropped", values, self._wire.ends.tail())

    def _ping(self) -> None:
        """Ask for a sign of life. Called by the transport's own thread, when nothing came for a while."""
        if not self._transport.clear_to_send.is_set():
            return
        message = Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._transport.packetizer.send_message(message)


def shake_hands(
    settings: SshSettings,
    wire: Wire,
    checks: Checks,
    credentials: Credentials,
    stopped: Stopped,
    silent: Callable[[], None],
) -> Link:
    """A link over bytes that reach a greeted sshd. Raises NotConnected, Interrupted; the wire is then released.

    ``silent`` is called where no banner has come after a second.
    """
    # A wire has what a transport uses of a socket: recv, send, settimeout, close.
    transport = Transport(cast(socket.socket, wire), _WINDOW, _PACKET, packetizer_class=Packets)
    transport.local_version = GREETING
    link = None
    try:
        agree(transport, settings, checks.host_keys.preferred_algorithms(settings))
        _exchange_keys(transport, settings, wire, stopped, silent)
        checks.host_keys.accepted(settings, transport.get_remote_server_key())
        checks.logins.authenticate(transport, settings, credentials, time.monotonic() + settings.timeout_s, stopped)
        link = Link(settings, wire, transport, stopped)
        return link
    finally:
        if link is None:
            _shut(wire, transport)


def _exchange_keys(
    transport: Transport, settings: SshSettings, wire: Wire, stopped: Stopped, silent: Callable[[], None]
) -> None:
    """Wait until both sides have keys, in two phases with a deadline each: the banner, and the exchange."""
    done = threading.Event()
    transport.banner_timeout = 2 * settings.timeout_s  # ours comes first, below
    transport.start_client(done)
    began = time.monotonic()
    greeted = None
    while not done.is_set() and transport.is_active():
        if stopped():
            raise Interrupted
        now = time.monotonic()
        if greeted is None and transport.remote_version:
            greeted = now
        if now > (began if greeted is None else greeted) + settings.timeout_s:
            what = "link.no-banner" if greeted is None else "link.slow-keys"
            values = {"host": settings.name, "seconds": f"{settings.timeout_s:g}"}
            raise NotConnected(what, values, wire.ends.tail(), passing=True)
        if greeted is None and now > began + _SILENT_S:
            silent()
        done.wait(_TURN_S)
    if not transport.is_active():
        raise _no_keys(transport, settings, wire)


def _no_keys(transport: Transport, settings: SshSettings, wire: Wire) -> NotConnected:
    """Why the exchange failed."""
    values = {"host": settings.name, "port": settings.port}
    tail = wire.ends.tail()
    problem = transport.get_exception()
    if isinstance(problem, IncompatiblePeer):
        return NotConnected("link.nothing-in-common", {**values, "reason": str(problem)}, tail)
    if not transport.remote_version:
        said = wire.greeting.decode("utf-8", "replace").splitlines()
        first = said[0].strip()[:100] if said else ""
        if first and not first.lower().startswith("ssh-") and not any(each in first.lower() for each in _FULL):
            return NotConnected("link.not-ssh", {**values, "said": first}, tail)
        reason = f"it said {first!r}" if first else wire.ended
        return NotConnected("link.no-greeting", {**values, "reason": reason}, tail, passing=True)
    if isinstance(problem, EOFError | OSError) or problem is None:
        return NotConnected("link.dropped", {**values, "reason": wire.ended}, tail, passing=True)
    return NotConnected("link.no-keys", {**values, "reason": str(problem)}, tail)


def _shut(wire: Wire, transport: Transport) -> None:
    wire.close()
    transport.close()
    # Its thread may still be about to read from the socket: the number must not be given to another before it ends.
    if transport.ident is not None:
        transport.join(_JOIN_S)
    wire.ends.release()
