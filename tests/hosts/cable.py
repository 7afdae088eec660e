"""A network cable between this machine and a host."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

# RFC 2544 sets these addresses aside for tests between two devices.
FIRST = IPv4Address("198.18.0.0")
CABLES = 2**17 // 4
PATIENCE_S = 60


@contextlib.contextmanager
def cable(pid: int) -> Iterator[str]:
    """Connect the host whose first process is `pid`, as its eth0; its address."""
    number = _connect(pid)
    near, far = FIRST + 4 * number + 1, FIRST + 4 * number + 2
    try:
        _ip(f"addr add {near}/30 dev lab{number}\nlink set lab{number} up\n")
        _ip(f"addr add {far}/30 dev eth0\nlink set eth0 up\n", "nsenter", "-n", "-t", str(pid))
        yield str(far)
    finally:
        subprocess.run(["ip", "link", "del", f"lab{number}"], check=True)


def wait_for(address: str, port: int) -> None:
    """Until somebody listens there. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {address}:{port}")


def _connect(pid: int) -> int:
    """Make a cable; its number. Its name is what claims the number, among all who boot hosts on this machine."""
    for offset in itertools.count():
        number = (pid + offset) % CABLES
        command = ["ip", "link", "add", f"lab{number}", "type", "veth", "peer", "name", "eth0", "netns", str(pid)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return number
        if "File exists" not in done.stderr:
            raise OSError(done.stderr)
    raise AssertionError


def _ip(commands: str, *enter: str) -> None:
    subprocess.run([*enter, "ip", "-batch", "-"], input=commands, check=True, text=True)
