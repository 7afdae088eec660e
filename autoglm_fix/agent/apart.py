"""Work in a child process that may be left behind: whoever asks a wedged driver hangs for ever."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from typing import Any, Callable

NO_ANSWER = "the driver does not answer"
DIED = "the process that asked the driver died"
_REAP_S = 2.0


class Apart:
    """A child that works at once. ``work`` is given the descriptor for its answer, one line of JSON."""

    def __init__(self, work: Callable[[int], object]) -> None:
        self._source, sink = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                os.close(self._source)
                work(sink)
            finally:
                os._exit(0)
        os.close(sink)

    def answer(self, deadline: float) -> dict[str, Any]:
        """What it said until then (by ``time.monotonic``), or ``{"problem": reason}``. The child ends with this."""
        try:
            return self._read(deadline)
        finally:
            os.close(self._source)
            os.kill(self._child, signal.SIGKILL)
            given_up = time.monotonic() + _REAP_S  # one that hangs in the driver is left behind
            while os.waitpid(self._child, os.WNOHANG) == (0, 0) and time.monotonic() < given_up:
                time.sleep(0.001)

    def _read(self, deadline: float) -> dict[str, Any]:
        data = b""
        while True:
            if not select.select([self._source], [], [], max(deadline - time.monotonic(), 0))[0]:
                return {"problem": NO_ANSWER}
            more = os.read(self._source, 1 << 16)
            if not more:
                break
            data += more
        try:
            answer = json.loads(data)
        except ValueError:  # of a library that another user named, anything may come
            answer = None
        return answer if isinstance(answer, dict) else {"problem": DIED}


def say(sink: int, answer: dict[str, Any]) -> None:
    """Write the answer."""
    with os.fdopen(sink, "wb") as out:
        out.write(json.dumps(answer).encode())
