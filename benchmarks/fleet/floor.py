"""The floor: connect with paramiko and TCP_NODELAY, start the host's Python, let it exit. ``floor.py LAB_FOLDER``."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko


def touch(host: str, port: int, key: paramiko.PKey) -> int:
    """One host; the exit code of its Python."""
    with socket.create_connection((host, port), timeout=60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(sock)
        try:
            transport.start_client(timeout=60)
            transport.auth_publickey("root", key)
            channel = transport.open_session()
            channel.exec_command("/usr/bin/python3 -I -c pass")
            return channel.recv_exit_status()
        finally:
            transport.close()


def main() -> None:
    """All hosts of the lab's inventory, fifty at a time."""
    folder = Path(sys.argv[1])
    every = json.loads((folder / "inventory.json").read_text())["all"]
    key = paramiko.Ed25519Key.from_private_key_file(str(folder / "key"))
    with ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(lambda host: touch(host, every["vars"]["ansible_port"], key), every["hosts"]))
    if any(codes):
        raise SystemExit(f"exit codes: {codes}")


if __name__ == "__main__":
    main()
