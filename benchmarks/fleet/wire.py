"""A network with a round-trip time: two TUN devices, and a process between them that holds each packet.

Run as a program it keeps the network, and the sshd at its far end, until its stdin ends. Everything goes with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import selectors
import struct
import subprocess
import sys
import time
from collections import deque

NEAR, FAR = "10.213.255.1", "10.213.255.2"
NETWORK = "10.213.0.0/16"
DEVICE = "bench0"
_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_INFO = 0x1001
_CLONE_NEWNET = 0x40000000


def open_tun(name: str) -> int:
    """A new TUN device in this process's network namespace, as a file descriptor."""
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _TUN_WITHOUT_INFO))
    return handle


def _ip(*commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)


def hold(ends: tuple[int, int], delay_s: float, stop: int) -> None:
    """Pass packets between two devices, each so many seconds after it came, until ``stop`` ends."""
    waiting: dict[int, deque[tuple[float, bytes]]] = {end: deque() for end in ends}
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    with selectors.DefaultSelector() as selector:
        for end in (*ends, stop):
            selector.register(end, selectors.EVENT_READ)
        while True:
            due = min((queue[0][0] for queue in waiting.values() if queue), default=None)
            ready = selector.select(None if due is None else max(due - time.monotonic(), 0))
            now = time.monotonic()
            for key, _ in ready:
                if key.fd == stop:
                    return
                with contextlib.suppress(BlockingIOError):
                    while True:
                        waiting[key.fd].append((now + delay_s, os.read(key.fd, 65536)))
            for end, queue in waiting.items():
                while queue and queue[0][0] <= time.monotonic():
                    with contextlib.suppress(BlockingIOError):
                        os.write(other[end], queue[0][1])
                    queue.popleft()


def main() -> None:
    """``wire.py ROUND_TRIP_S SSHD_CONFIG``: say "up" once sshd answers at all addresses of the network."""
    round_trip_s, config = float(sys.argv[1]), sys.argv[2]
    near = open_tun(DEVICE)
    _ip(
        f"addr add {NEAR}/32 dev {DEVICE}",
        f"link set {DEVICE} up txqueuelen 10000",
        f"route add {NETWORK} dev {DEVICE}",
    )
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network namespace of its own")
    far = open_tun("far0")
    _ip(
        "link set lo up",
        f"addr add {FAR}/32 dev far0",
        "link set far0 up txqueuelen 10000",
        f"route add {NEAR}/32 dev far0",
        # Every address of the network is this one machine's.
        f"route add local {NETWORK} dev lo",
    )
    with subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stdin=subprocess.DEVNULL) as sshd:
        try:
            sys.stdout.write("up\n")
            sys.stdout.flush()
            hold((near, far), round_trip_s / 2, 0)
        finally:
            sshd.terminate()


if __name__ == "__main__":
    main()
