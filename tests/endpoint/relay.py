"""A proxy: prints its port, and hands every connection on to another."""

from __future__ import annotations

import socket
import sys
import threading


def hand_on(source: socket.socket, sink: socket.socket) -> None:
    while True:
        try:
            data = source.recv(65536)
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)
        except OSError:
            return


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            line, _ = listening.accept()
            behind = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            threading.Thread(target=hand_on, args=(line, behind), daemon=True).start()
            threading.Thread(target=hand_on, args=(behind, line), daemon=True).start()


main()
