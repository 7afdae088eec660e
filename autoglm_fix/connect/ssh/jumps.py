"""Jump hosts: the connections to them, which all hosts behind them share, and what becomes of those if one is lost."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from paramiko import Channel, ChannelException, SSHException

from ..channel import NotConnected
from .by_hand import by_hand
from .dial import Interrupted
from .link import Link
from .settings import SshSettings
from .wire import BEAT_S

# Channels of one connection; MaxSessions does not count those that only pass on.
_HOSTS_EACH = 100
_TURN_S = 0.5
_FORBIDDEN = 1
_SHUT_OUT = ("login.denied", "login.nothing-to-try", "login.locked-key")

Chain = tuple[SshSettings, ...]


@dataclass(eq=False)
class Shared:
    """A connection to a jump host, and how many pass through it."""

    link: Link
    users: int = 1
    passage: Passage | None = None

    def leave(self) -> None:
        if self.passage is not None:
            self.passage.leave(self)


@dataclass(eq=False)
class Passage:
    """All connections to one jump host. The first failure is the last: nobody tries again in this run."""

    chain: Chain
    changed: threading.Condition = field(default_factory=threading.Condition)
    open: list[Shared] = field(default_factory=list)
    opening: bool = False
    failure: NotConnected | None = None

    @property
    def name(self) -> str:
        return self.chain[-1].name

    def take(self, connect: Callable[[], Link], stopped: Callable[[], bool]) -> Shared:
        """A connection with room for one more; ``connect`` makes another where there is none. Raises NotConnected."""
        with self.changed:
            while (shared := self._with_room()) is None and self.opening:
                if stopped():
                    raise Interrupted
                self.changed.wait(_TURN_S)
            if shared is not None:
                shared.users += 1
                return shared
            self.opening = True
        made: Link | None = None
        failure: NotConnected | None = None
        try:
            made = connect()
        except NotConnected as err:
            failure = _behind(err, self.name)
        finally:
            with self.changed:
                self.opening = False
                self.failure = self.failure or failure
                if made is not None:
                    shared = Shared(made, passage=self)
                    self.open.append(shared)
                self.changed.notify_all()
        if failure is not None or shared is None:
            raise failure or Interrupted
        return shared

    def leave(self, shared: Shared) -> None:
        with self.changed:
            shared.users -= 1

    def close(self) -> None:
        """End its connections, all at once."""
        with self.changed:
            for shared in self.open:
                shared.link.hang_up()
            for shared in self.open:
                shared.link.close()

    def _with_room(self) -> Shared | None:
        """One that has room, and stands. Raises NotConnected where one has failed."""
        lost = next((shared.link.lost() for shared in self.open if shared.link.lost()), "")
        if lost and self.failure is None:
            values = {"jump": self.name, "way": by_hand(self.chain), "reason": lost}
            self.failure = NotConnected("jump.lost", values, behind=self.name)
        if self.failure is not None:
            raise _behind(self.failure, self.name)
        return next((shared for shared in self.open if shared.users < _HOSTS_EACH), None)


class TunnelEnds:
    """A channel through a jump host, as the bytes below another connection."""

    def __init__(self, shared: Shared, channel: Channel, keepalive_s: float) -> None:
        self._shared = shared
        self._channel = channel
        self._left = False
        self._hung_up = False
        self._sending = threading.Lock()
        channel.settimeout(min(BEAT_S, keepalive_s / 3) if keepalive_s else BEAT_S)

    def receive(self, count: int) -> bytes:
        try:
            return self._channel.recv(count)
        except (EOFError, SSHException) as err:
            raise BrokenPipeError(errno.EPIPE, str(err)) from err

    def send(self, data: bytes) -> int:
        try:
            with self._sending:
                sent = 0 if self._hung_up else self._channel.send(data)
        except (EOFError, SSHException) as err:
            raise BrokenPipeError(errno.EPIPE, str(err)) from err
        if not sent:
            raise BrokenPipeError(errno.EPIPE, "the tunnel is closed")
        return sent

    def hang_up(self) -> None:
        channel = self._channel
        self._hung_up = True
        channel.in_buffer.close()
        with channel.out_buffer_cv:
            channel.eof_sent = 1
            channel.out_buffer_cv.notify_all()
        # Not while something is being sent: it could reach whoever is given the channel's number next.
        if not self._shared.link.stuck and self._sending.acquire(timeout=_TURN_S):
            try:
                with contextlib.suppress(EOFError, OSError, SSHException):  # the way itself has just broken off
                    channel.close()
            finally:
                self._sending.release()

    def release(self) -> None:
        self.hang_up()
        if not self._left:
            self._left = True
            self._shared.leave()

    def lost(self) -> str:
        lost = self._shared.link.lost()
        return f"the jump host {self._shared.link.settings.name} was lost: {lost}" if lost else ""

    def behind(self) -> str | None:
        link = self._shared.link
        return (link.behind() or link.settings.name) if link.lost() else None

    def tail(self) -> tuple[str, ...]:
        return ()


def tunnel(shared: Shared, to: SshSettings) -> TunnelEnds:
    """The way from a jump host on to the next host. Raises NotConnected; the connection is then left."""
    jump = shared.link.settings.name
    way = by_hand(shared.passage.chain if shared.passage else (shared.link.settings,))
    values = {"jump": jump, "way": way, "host": to.name, "hostname": to.hostname, "port": to.port}
    channel: Channel | None = None
    try:
        channel = shared.link.tunnel(to.hostname, to.port, to.timeout_s)
    except ChannelException as err:
        if err.code == _FORBIDDEN:
            raise NotConnected("jump.forbidden", values) from err
        raise NotConnected("jump.no-way", {**values, "reason": err.text}, passing=True) from err
    except TimeoutError as err:
        raise NotConnected("jump.no-answer", {**values, "seconds": f"{to.timeout_s:g}"}) from err
    except NotConnected as err:
        lost = {"jump": jump, "way": way, "reason": shared.link.lost()}
        raise NotConnected("jump.lost", lost, err.tail, behind=jump) from err
    finally:
        if channel is None:
            shared.leave()
    return TunnelEnds(shared, channel, to.keepalive_s)


def wants_password(err: NotConnected, jump: SshSettings) -> NotConnected | None:
    """Why a jump host that nobody gave a password for lets nobody in, where a password might do; else None."""
    asks = {"password", "keyboard-interactive"} & {*jump.methods} & {*err.values.get("methods", ())}
    if not asks or err.behind or err.code not in _SHUT_OUT:
        return None
    return NotConnected("jump.needs-password", {**err.values, "jump": jump.name}, err.tail)


def _behind(err: NotConnected, jump: str) -> NotConnected:
    """The same failure, for a host behind that jump host: it is unreachable, and nobody tries again."""
    return NotConnected(err.code, err.values, err.tail, behind=err.behind or jump)
