"""What a command says, heard while it runs: of more than anybody reads its beginning and its end are kept."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import Callable, Sequence

_PIECE = 1 << 16
# A pipe holds no more than that; what is left in the background may go on writing.
_LAST_PIECES = 16


class Kept:
    """The ``first`` and the ``last`` bytes of an output, and the number of those between them."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        self.head = bytearray()
        self.tail = bytearray()
        self.left_out = 0

    def add(self, data: bytes) -> None:
        room = self.first - len(self.head)
        self.head += data[:room]
        self.tail += data[room:]
        over = max(len(self.tail) - self.last, 0)
        del self.tail[:over]
        self.left_out += over


def hear(
    process: subprocess.Popen[bytes], said: Sequence[Kept], patience_s: float, tick: Callable[[float], object] = bool
) -> bool:
    """Keep what comes from a process until it ends; False where that took too long, and it was killed.

    ``said`` are for its pipes, stdout first. Its end counts, not that of its output: what it leaves in the background
    may hold that open. ``tick`` is told the seconds spent.
    """
    pipes = [each for each in (process.stdout, process.stderr) if each]
    try:
        return _hear(process, {pipe.fileno(): each for pipe, each in zip(pipes, said)}, patience_s, tick)
    finally:
        for pipe in pipes:
            pipe.close()


def _hear(
    process: subprocess.Popen[bytes], pipes: dict[int, Kept], patience_s: float, tick: Callable[[float], object]
) -> bool:
    began = time.monotonic()
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    left, last = len(pipes), _LAST_PIECES
    while last:
        spent = time.monotonic() - began
        ended = process.poll() is not None
        if ended:
            last -= 1
        elif spent > patience_s:
            process.kill()
            process.wait()
            return False
        tick(spent)
        ready = poll.poll(0 if ended else 50 if left else 5)
        if ended and not ready:
            break
        for pipe, _ in ready:
            data = os.read(pipe, _PIECE)
            pipes[pipe].add(data)
            if not data:
                poll.unregister(pipe)
                left -= 1
    return True
