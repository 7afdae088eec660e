"""What the system's ssh passes on its way to a host, by its own word: there, each host is one more login."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence

from .ssh.dial import Interrupted
from .ssh.pace import Turn, Turns

_TURN_S = 0.1
_NO = ("", "none")


def on_the_way(words: Sequence[str], options: Mapping[str, str], timeout_s: float, stop: threading.Event) -> list[str]:
    """The jump hosts that an ssh of these arguments passes, or its ProxyCommand; in one order for all hosts.

    ``options`` are those among them that the inventory gives, which outrank its configuration. Where ssh does not say
    in time, there are none. Raises Interrupted, OSError.
    """
    said = {key: options[key] for key in ("proxyjump", "proxycommand") if key in options}
    if not said:
        program, *others, last, address, _command = words
        said = _settings([program, *others, "-G", last, address], timeout_s, stop)
    jumps, command = said.get("proxyjump", ""), said.get("proxycommand", "")
    if jumps.lower() not in _NO:
        return sorted({jump.strip().rpartition("@")[2].lower() for jump in jumps.split(",")})
    return [] if command.lower() in _NO else [command]


def _settings(words: Sequence[str], timeout_s: float, stop: threading.Event) -> dict[str, str]:
    """What ssh says of its own configuration, by keyword in lower case."""
    latest = time.monotonic() + timeout_s
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            while time.monotonic() < latest:
                if stop.is_set():
                    raise Interrupted
                with contextlib.suppress(subprocess.TimeoutExpired):
                    said = process.communicate(timeout=_TURN_S)[0].decode("utf-8", "replace")
                    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
            return {}
        finally:
            # What `Match exec` has started, too.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


class Places:
    """Places for one handshake at each of some jump hosts."""

    def __init__(self) -> None:
        self._taken: list[Turn] = []

    def take(self, turns: Turns, ways: Sequence[Hashable]) -> None:
        """Wait for all of them, in this order. Raises Interrupted."""
        for way in ways:
            self._taken.append(turns.take(way))

    def leave(self) -> None:
        """Give them back; more than once is once."""
        for turn in self._taken:
            turn.leave()


@contextlib.contextmanager
def places(turns: Turns, ways: Sequence[Hashable]) -> Iterator[Places]:
    """A place at each of these, unless it is left before. Raises Interrupted."""
    taken = Places()
    try:
        taken.take(turns, ways)
        yield taken
    finally:
        taken.leave()
