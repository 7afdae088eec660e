"""The kernel's tables of sockets, ``/proc/PID/net/tcp`` and the like: one row a socket."""

from __future__ import annotations

import socket
import struct
from typing import Iterator

LISTEN = "0A"


def rows(table: str) -> Iterator[list[str]]:
    """The fields of each row; none where the table cannot be read.

    1 is the socket's own address and port, 2 the other end's, 3 the state, 7 the user, 9 the inode.
    """
    try:
        with open(table, encoding="ascii", errors="replace") as lines:
            next(lines, None)  # the names of the fields
            for line in lines:
                fields = line.split()
                if len(fields) > 9:
                    yield fields
    except OSError:
        return


def port_of(place: str) -> int:
    """The port in an address with a port, as the table writes it."""
    return int(place.rpartition(":")[2], 16)


def address(written: str) -> str:
    """An address as people write it (IPv6 in brackets); the table has words of 32 bits in the machine's own order."""
    words = [int(written[at : at + 8], 16) for at in range(0, len(written), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    if len(words) == 1:
        return socket.inet_ntop(socket.AF_INET, raw)
    return f"[{socket.inet_ntop(socket.AF_INET6, raw)}]"
