"""Nothing is sent to a channel that was closed: a jump host's sshd would end the connection that many hosts share."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from paramiko import Message
from paramiko.common import (
    cMSG_CHANNEL_CLOSE,
    cMSG_CHANNEL_DATA,
    cMSG_CHANNEL_EOF,
    cMSG_CHANNEL_OPEN_SUCCESS,
    cMSG_CHANNEL_WINDOW_ADJUST,
    cMSG_GLOBAL_REQUEST,
    cMSG_IGNORE,
)

from autoglm_fix.connect.ssh.packets import Packets


def message(kind: bytes, *numbers: int) -> Message:
    made = Message()
    made.add_byte(kind)
    for number in numbers:
        made.add_int(number)
    return made


@pytest.fixture
def ends() -> Iterator[tuple[Packets, Packets]]:
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(0.1)
        yield Packets(near), Packets(far)


def arrived(far: Packets, count: int) -> list[tuple[int, bytes]]:
    came = [far.read_message() for _ in range(count)]
    return [(kind, each.get_remainder()) for kind, each in came]


def test_what_follows_a_close_is_left_out_until_the_number_is_given_anew(ends: tuple[Packets, Packets]) -> None:
    near, far = ends
    for each in (
        message(cMSG_CHANNEL_DATA, 7, 0),
        message(cMSG_CHANNEL_EOF, 7),
        message(cMSG_CHANNEL_CLOSE, 7),
        message(cMSG_CHANNEL_DATA, 7, 0),
        message(cMSG_CHANNEL_WINDOW_ADJUST, 7, 99),
        message(cMSG_CHANNEL_CLOSE, 7),
        message(cMSG_CHANNEL_DATA, 8, 0),
        message(cMSG_GLOBAL_REQUEST, 7),
    ):
        near.send_message(each)
    assert [kind for kind, _ in arrived(far, 5)] == [94, 96, 97, 94, 80]
    # Ours is 3, theirs is 7 again.
    far.send_message(message(cMSG_CHANNEL_OPEN_SUCCESS, 3, 7, 0, 0))
    kind, opened = near.read_message()
    assert (kind, opened.get_int(), opened.get_int()) == (91, 3, 7)
    near.send_message(message(cMSG_CHANNEL_DATA, 7, 0))
    near.send_message(message(cMSG_IGNORE, 0))
    assert [kind for kind, _ in arrived(far, 2)] == [94, 2]


def test_the_name_of_a_signal_is_kept_and_what_is_odd_in_it_is_not(ends: tuple[Packets, Packets]) -> None:
    near, far = ends
    for channel, name in ((1, b"KILL"), (2, b"\x1b[31m{x}\xff")):
        ended = message(b"\x62", channel)
        ended.add_string(b"exit-signal")
        ended.add_boolean(False)
        ended.add_string(name)
        far.send_message(ended)
        kind, read = near.read_message()
        assert (kind, read.get_int()) == (98, channel)
    assert near.signals == {1: "KILL", 2: "31mx"}
