"""A child process of this machine as a stream: what `local`, `openssh` and `docker` have in common."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from .channel import ChannelClosed

CLOSED = "the channel is closed"
ENDED = "{name} ended with exit code {code}"
KILLED = "{name} was ended by {signal}"
STILL_THERE = "{name} closed its channel"
FROZEN = "nothing was taken for {seconds:.0f} seconds: the connection is frozen"

_GRACE_S = 2.0
_SILENCE_S = 60.0
_CHUNK = 65536
# So much of stderr is kept, and so much of stdout while we are still writing and nobody reads.
_SAID = 8192
_AHEAD = 1 << 26
_TAIL = 10
_SIGNALLED = 128
# A session's first terminal becomes the one that controls it, which is where doas and su look for a person.
_ON_TERMINAL = 'exec "$@" <"$0" >"$0" 2>"$0"'


def ending(name: str, code: int | None) -> str:
    """How a process ended, by its exit code or the one that a shell reported for it. ``None``: it has not ended."""
    if code is None:
        return STILL_THERE.format(name=name)
    with contextlib.suppress(ValueError):
        return KILLED.format(name=name, signal=signal.Signals(-code if code < 0 else code - _SIGNALLED).name)
    return ENDED.format(name=name, code=code)


class ProcessStream:
    """A child process's stdin and stdout. It runs in a session of its own, so that Ctrl-C reaches the controller alone.

    Writing cannot deadlock with a process that writes before it reads: what it says meanwhile is kept for ``read``.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        terminal: bool = False,
        whole_group: bool = False,
    ) -> None:
        """Start it; raises OSError. ``terminal``: on a pseudo-terminal, which has no stderr of its own.

        ``whole_group``: the processes that it started are killed with it, where it has to be killed.
        """
        self._whole_group = whole_group
        self._one_ended = terminal
        self._heard: deque[bytes] = deque()
        self._waiting = 0
        self._said = b""
        self._closed = False
        self._parting = threading.Lock()
        self._in, self._out, self._err = -1, -1, -1
        self._process = self._on_terminal(argv, env) if terminal else self._on_pipes(argv, env)
        os.set_blocking(self._in, False)
        self._poll = select.poll()
        for source in {self._out, self._err} - {-1}:
            self._poll.register(source, select.POLLIN)

    def _on_pipes(self, argv: Sequence[str], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
        far_in, self._in = os.pipe()
        self._out, far_out = os.pipe()
        self._err, far_err = os.pipe()
        return self._start(argv, env, (far_in, far_out, far_err))

    def _on_terminal(self, argv: Sequence[str], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
        self._in, far = os.openpty()
        self._out = os.dup(self._in)
        return self._start(["sh", "-c", _ON_TERMINAL, os.ttyname(far), *argv], env, (far, far, far))

    def _start(
        self, argv: Sequence[str], env: Mapping[str, str] | None, far: tuple[int, int, int]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                argv, env=env, stdin=far[0], stdout=far[1], stderr=far[2], close_fds=True, start_new_session=True
            )
        except OSError:
            self._close_ours()
            raise
        finally:
            for descriptor in set(far):
                os.close(descriptor)

    @property
    def pid(self) -> int:
        """The process's number on this machine."""
        return self._process.pid

    def write(self, data: bytes) -> None:
        if self._in < 0:
            raise ChannelClosed(CLOSED)
        left = memoryview(data)
        latest = time.monotonic() + _SILENCE_S
        while left:
            try:
                left = left[os.write(self._in, left) :]
            except BlockingIOError:
                self._wait_to_write(latest)
            except OSError as err:
                raise self._end() from err
            else:
                latest = time.monotonic() + _SILENCE_S

    def read(self, timeout_s: float) -> bytes:
        if self._heard:
            data = self._heard.popleft()
            self._waiting -= len(data)
            return data
        if self._out < 0:
            raise ChannelClosed(CLOSED) if self._closed else self._end()
        data = b""
        # Its last words come before its end.
        for descriptor, _ in sorted(self._poll.poll(timeout_s * 1000), key=lambda ready: ready[0] == self._out):
            if descriptor == self._err:
                self._listen()
            elif not (data := self._receive()):
                raise self._end()
        return data

    def put_back(self, data: bytes) -> None:
        """Return data that was read too far: the next ``read`` gets it again."""
        if data:
            self._heard.appendleft(data)
            self._waiting += len(data)

    def said(self) -> str:
        """The last 8 KiB of what it has written to stderr, undecodable bytes replaced."""
        return self._said.decode("utf-8", "replace")

    def hang_up(self) -> None:
        """Close its stdin and nothing else: the process then ends by itself."""
        with self._parting:
            ours, self._in = self._in, -1
        if ours >= 0:
            os.close(ours)

    def close(self) -> None:
        """Close our end; a process that does not end by itself is killed."""
        self._closed = True
        self.hang_up()
        if self._one_ended:
            self._close_ours()
        if self._wait(_GRACE_S) is None:
            self.kill()
        self._close_ours()

    def abandon(self) -> None:
        """Kill and close it."""
        self.kill()
        self.close()

    def kill(self) -> None:
        """End the process at once."""
        if self._process.poll() is None:
            if self._whole_group:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()

    def _wait_to_write(self, latest: float) -> None:
        """Wait until more can be written, and keep what comes in meanwhile. Raises ChannelClosed after ``latest``."""
        room = select.poll()
        room.register(self._in, select.POLLOUT)
        if self._out >= 0 and self._waiting < _AHEAD:
            room.register(self._out, select.POLLIN)
        if self._err >= 0:
            room.register(self._err, select.POLLIN)
        ready = {descriptor for descriptor, _ in room.poll(max(0.0, latest - time.monotonic()) * 1000)}
        if not ready or time.monotonic() > latest:
            raise ChannelClosed(FROZEN.format(seconds=_SILENCE_S), self._tail())
        if self._err in ready:
            self._listen()
        if self._out in ready and self._in not in ready:
            if not (data := self._receive()):
                raise self._end()
            self._heard.append(data)
            self._waiting += len(data)

    def _receive(self) -> bytes:
        """Read what is on stdout; empty at its end."""
        data = self._taken(self._out)
        if not data:
            self._out = self._let_go(self._out)
        return data

    def _listen(self) -> None:
        """Read what is on stderr, and keep the end of it."""
        data = self._taken(self._err)
        self._said = (self._said + self._sifted(data))[-_SAID:]
        if not data:
            self._err = self._let_go(self._err)

    def _sifted(self, data: bytes) -> bytes:
        """What is kept of a piece of stderr: all of it. A subclass may read some of it as messages to us."""
        return data

    def _taken(self, descriptor: int) -> bytes:
        try:
            return os.read(descriptor, _CHUNK)
        except OSError:
            # A terminal that nobody holds any more.
            return b""

    def _let_go(self, descriptor: int) -> int:
        self._poll.unregister(descriptor)
        os.close(descriptor)
        return -1

    def _tail(self) -> tuple[str, ...]:
        return tuple(self.said().splitlines()[-_TAIL:])

    def _end(self) -> ChannelClosed:
        """The error for its end: how it ended, and the last lines that it wrote to stderr."""
        code = self._wait(_GRACE_S)
        return ChannelClosed(ending(self._named(code), code), self._tail(), code)

    def _named(self, code: int | None) -> str:
        """What messages call the process; ``code`` is its exit code, if it has ended."""
        return "the process"

    def _wait(self, patience_s: float) -> int | None:
        """Its exit code, or None if it does not end within that time. Stderr is kept meanwhile, stdout dropped."""
        latest = time.monotonic() + patience_s
        while (code := self._process.poll()) is None and (left := latest - time.monotonic()) > 0:
            if self._out < 0 and self._err < 0:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(left)
                continue
            # A grandchild that outlives it may hold the pipes open, so their end is not waited for.
            for descriptor, _ in self._poll.poll(min(left, 0.02) * 1000):
                if descriptor == self._err:
                    self._listen()
                else:
                    self._receive()
        self._hear_out()
        return code

    def _hear_out(self) -> None:
        """Keep what is left on the stderr of a process that has ended."""
        for _ in range(64):
            if self._err < 0 or not any(descriptor == self._err for descriptor, _ in self._poll.poll(0)):
                return
            self._listen()

    def _close_ours(self) -> None:
        for descriptor in {self._in, self._out, self._err} - {-1}:
            os.close(descriptor)
        self._in, self._out, self._err = -1, -1, -1
