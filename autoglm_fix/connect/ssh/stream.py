"""One command on a host, over one channel of an SSH connection: its stdin, stdout and stderr, and how it ended."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from signal import Signals
from threading import Event
from typing import Protocol

from paramiko import Channel, Message, SSHException
from paramiko.common import cMSG_CHANNEL_REQUEST

from ..channel import ChannelClosed
from ..process import ending

_PIECE = 1 << 15
_READ = 1 << 18
_SAID = 8192
_TAIL = 10
_TURN_S = 0.05
# Its exit status comes right after its output, where it comes at all.
_GRACE_S = 2.0
# Who neither takes a byte nor says one for so long is not going to.
_PATIENCE_S = 60.0
# What may be kept of a host's output while it does not take ours.
_KEPT = 1 << 26
# RFC 4254 has them without the SIG.
_NUMBERS = {each.name.removeprefix("SIG"): each.value for each in Signals}


class Below(Protocol):
    """The connection that a stream runs on."""

    def send(self, message: Message, deadline: float) -> None:
        """Send one message of the protocol by then. Raises ChannelClosed."""

    def signal_of(self, channel: Channel) -> str:
        """The name of the signal that ended what ran on a channel, empty where none did."""

    def lost(self) -> str:
        """Why the connection is gone, empty where it stands."""

    def behind(self) -> str | None:
        """The jump host whose loss that was, if it was one."""

    @property
    def stuck(self) -> bool:
        """Whether something else waits to be sent."""


class SshStream:
    """What ``Link.execute`` gives: a Stream."""

    def __init__(self, below: Below, channel: Channel) -> None:
        self._below = below
        self._terminal = False
        self._channel = channel
        self._said = b""
        self._kept: list[bytes] = []
        self._closing = False
        # Both pipes wake the same reader; it looks at both of them before it waits.
        self._woken = Event()
        channel.in_buffer.set_event(self._woken)
        channel.in_stderr_buffer.set_event(self._woken)
        if channel.in_buffer.read_ready():
            self._woken.set()

    def start(self, command: str, terminal: bool, deadline: float) -> None:
        """Ask for the command. What the host answers is not waited for: a refusal closes the channel."""
        self._terminal = terminal
        if terminal:
            self._below.send(self._request("pty-req", "dumb", 200, 50, 0, 0, b""), deadline)
        self._below.send(self._request("exec", command.encode()), deadline)

    def write(self, data: bytes) -> None:
        if self._closing or (self._channel.eof_sent and not self._channel.closed):
            raise ChannelClosed("the channel is closed")
        at, latest = 0, time.monotonic() + _PATIENCE_S
        self._channel.settimeout(_TURN_S)
        while at < len(data):
            if self._channel.in_buffer.read_ready():
                self._take_in()
            try:
                sent = self._channel.send(data[at : at + _PIECE])
            except TimeoutError:
                # It may be waiting itself, for somebody to take what it says.
                if self._take_in():
                    latest = time.monotonic() + _PATIENCE_S
                if time.monotonic() > latest:
                    raise ChannelClosed(
                        f"nothing was taken for {_PATIENCE_S:.0f} s: the connection is frozen"
                    ) from None
                continue
            except (OSError, EOFError, SSHException) as err:
                raise self._ended() from err
            # One that took all of it and has ended by now may have answered.
            if not sent:
                raise self._ended()
            at, latest = at + sent, time.monotonic() + _PATIENCE_S

    def read(self, timeout_s: float) -> bytes:
        if self._closing:
            raise ChannelClosed("the channel is closed")
        if self._kept:
            return self._kept.pop(0)
        latest = time.monotonic() + timeout_s
        while True:
            heard = self._listen()
            if self._channel.in_buffer.read_ready():
                return self._receive()
            if heard:
                return b""
            if self._channel.eof_received or self._channel.closed:
                raise self._ended()
            left = latest - time.monotonic()
            if left <= 0 or not self._woken.wait(left):
                if self._exited() and left > 0:
                    raise self._ended()
                return b""
            # Cleared before both pipes are looked at, so that nothing is missed, and an empty packet is no busy loop.
            self._woken.clear()

    def said(self) -> str:
        self._listen()
        return self._said.decode("utf-8", "replace")

    def hang_up(self) -> None:
        """Close our end alone: what runs there then ends by itself, and is heard to its end."""
        if self._below.stuck or self._channel.closed or self._channel.eof_sent:
            return
        with contextlib.suppress(EOFError, OSError, SSHException):  # it has just broken off
            self._channel.shutdown_write()

    def close(self) -> None:
        """Hang up. What ran there ends in its own time."""
        self._closing = True
        self.hang_up()
        # A terminal's end of input is no end of the terminal.
        if self._terminal and not self._below.stuck:
            with contextlib.suppress(EOFError, OSError, SSHException):
                self._channel.close()

    # -- inside

    def _request(self, kind: str, *values: str | bytes | int) -> Message:
        message = Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string(kind)
        message.add_boolean(True)
        for value in values:
            if isinstance(value, int):
                message.add_int(value)
            else:
                message.add_string(value)
        return message

    def _receive(self) -> bytes:
        return _taken(self._channel.recv)

    def _listen(self) -> bool:
        """Take what is on stderr; whether there was any."""
        heard = False
        while self._channel.in_stderr_buffer.read_ready():
            self._said = (self._said + _taken(self._channel.recv_stderr))[-_SAID:]
            heard = True
        return heard

    def _take_in(self) -> bool:
        """Keep what has come, so that the other end can go on; whether something had."""
        heard = self._listen()
        while self._channel.in_buffer.read_ready() and sum(map(len, self._kept)) < _KEPT:
            self._kept.append(self._receive())
            heard = True
        return heard

    def _exited(self) -> bool:
        return self._channel.status_event.is_set() or bool(self._below.signal_of(self._channel))

    def _ended(self) -> ChannelClosed:
        channel = self._channel
        if not self._below.lost() and not self._below.signal_of(channel):
            channel.status_event.wait(_GRACE_S)
        tail = tuple(self.said().splitlines()[-_TAIL:])
        code = channel.exit_status if channel.exit_status >= 0 else None
        signal = self._below.signal_of(channel)
        if signal:
            return ChannelClosed(
                f"it was ended by SIG{signal}", tail, -_NUMBERS[signal] if signal in _NUMBERS else None
            )
        if code is not None:
            return ChannelClosed(ending("it", code), tail, code)
        if lost := self._below.lost():
            return ChannelClosed(lost, tail, behind=self._below.behind())
        return ChannelClosed("it closed its end of the channel", tail)


def _taken(receive: Callable[[int], bytes]) -> bytes:
    """What has come. Reading it may send the host a window update, which fails on a connection that has just died."""
    try:
        return receive(_READ)
    except (EOFError, OSError, SSHException):
        return b""
