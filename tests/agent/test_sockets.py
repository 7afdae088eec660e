"""The kernel's tables of sockets, as they are read."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from autoglm_fix.agent.sockets import LISTEN, address, port_of, rows

little = pytest.mark.skipif(sys.byteorder != "little", reason="the texts are those of a little-endian machine")


@little
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000", "0.0.0.0"),
        ("00000000000000000000000000000000", "[::]"),
        ("00000000000000000000000001000000", "[::1]"),
        ("0000000000000000FFFF00000100007F", "[::ffff:127.0.0.1]"),
        ("B80D0120000000000000000001000000", "[2001:db8::1]"),
    ],
)
def test_an_address_is_read_as_people_write_it(written: str, read: str) -> None:
    assert address(written) == read


@pytest.mark.parametrize(("local", "table"), [("127.0.0.1", "tcp"), ("::1", "tcp6")])
def test_a_socket_that_listens_has_its_row(local: str, table: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET) as here:
        try:
            here.bind((local, 0))
        except OSError:
            pytest.skip("this machine has no such addresses")
        here.listen()
        port, inode = here.getsockname()[1], os.fstat(here.fileno()).st_ino
        (row,) = [each for each in rows(f"/proc/self/net/{table}") if each[9] == str(inode)]
    assert (row[3], port_of(row[1])) == (LISTEN, port)
    assert address(row[1].partition(":")[0]).strip("[]") == local


def test_a_table_that_is_not_there_has_no_rows() -> None:
    assert list(rows("/proc/self/net/no-such-table")) == []
