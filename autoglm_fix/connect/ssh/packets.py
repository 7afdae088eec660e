"""The packets of one connection: what paramiko passes over, and what it must not send."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from paramiko import Message
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DISCONNECT,
)
from paramiko.packet import Packetizer

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Packets(Packetizer):
    """Packets of one connection. ``signals`` are the names of those that ended what ran, by channel.

    ``farewell`` is what the other end said when it ended the connection. paramiko drops both. It also lets one thread
    close a channel while another is about to send on it, and a sshd that gets a packet for a channel that is no more
    ends the connection, a jump host's with all that pass through it: such packets are left out here.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.signals: dict[int, str] = {}
        self.farewell = ""
        self._greeted = False
        self._lock = threading.RLock()
        # By the other end's numbers, which it gives anew.
        self._closed: set[int] = set()

    def start_handshake(self, timeout: float) -> None:
        """Left out, and with it a thread for each connection: the phases have their own deadlines."""

    def write_all(self, out: Buffer) -> None:
        # The greeting was said when the connection stood, before there was anything of paramiko's.
        if self._greeted or bytes(memoryview(out)[:4]) != b"SSH-":
            super().write_all(out)
        self._greeted = True

    def send_message(self, data: Message) -> None:
        with data.packet.getbuffer() as packet:
            kind, channel = packet[0], int.from_bytes(packet[1:5], "big")
        with self._lock:
            if MSG_CHANNEL_WINDOW_ADJUST <= kind <= MSG_CHANNEL_FAILURE:
                if channel in self._closed:
                    return
                if kind == MSG_CHANNEL_CLOSE:
                    self._closed.add(channel)
            super().send_message(data)

    def read_message(self) -> tuple[int, Message]:
        kind, message = super().read_message()
        if kind == MSG_CHANNEL_REQUEST:
            channel, what = message.get_int(), message.get_string()
            if what == b"exit-signal":
                message.get_boolean()
                self.signals[channel] = "".join(filter(str.isalnum, message.get_string().decode("ascii", "replace")))
            message.rewind()
        elif kind == MSG_CHANNEL_OPEN_SUCCESS:
            message.get_int()
            with self._lock:
                self._closed.discard(message.get_int())
            message.rewind()
        elif kind == MSG_DISCONNECT:
            message.get_int()
            self.farewell = message.get_string().decode("utf-8", "replace")
            message.rewind()
        return kind, message
