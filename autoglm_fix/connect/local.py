"""The transport to this machine: the same agent, as a child process over pipes."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
from collections import deque

from .channel import ChannelClosed

NO_SUCH_PYTHON = "no Python at {python}"
NOT_RUNNABLE = "{python} cannot be started: {reason}"
ENDED = "the agent's process ended with exit code {code}"

_GRACE_S = 2.0


class LocalChannel:
    """A child process that speaks frames on its stdin and stdout."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        """Start it, in a session of its own, so that Ctrl-C reaches the controller alone."""
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        except FileNotFoundError as err:
            raise ChannelClosed(NO_SUCH_PYTHON.format(python=argv[0])) from err
        except OSError as err:
            raise ChannelClosed(NOT_RUNNABLE.format(python=argv[0], reason=err.strerror)) from err
        self._tail: deque[str] = deque(maxlen=10)
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ)

    def write(self, data: bytes) -> None:
        if self._process.stdin is None or self._process.stdin.closed:
            raise ChannelClosed("the channel is closed")
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError as err:
            raise self._ended() from err

    def read(self, timeout_s: float) -> bytes:
        if self._process.stdout is None or self._process.stdout.closed:
            raise ChannelClosed("the channel is closed")
        for key, _ in self._selector.select(timeout_s):
            data = os.read(key.fd, 65536)
            if key.fileobj is self._process.stdout:
                if not data:
                    raise self._ended()
                return data
            if not data:
                self._selector.unregister(key.fileobj)
            self._tail.extend(data.decode("utf-8", "replace").splitlines())
        return b""

    def hang_up(self) -> None:
        """Close our end alone: the agent then ends by itself."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            # A broken pipe says that it is gone already, which is what closing is for.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def close(self) -> None:
        process = self._process
        self.hang_up()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._selector.close()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def _ended(self) -> ChannelClosed:
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return ChannelClosed("the agent closed its channel", tuple(self._tail))
        if self._process.stderr is not None and not self._process.stderr.closed:
            os.set_blocking(self._process.stderr.fileno(), False)
            rest = self._process.stderr.read() or b""
            self._tail.extend(rest.decode("utf-8", "replace").splitlines())
        return ChannelClosed(ENDED.format(code=code), tuple(self._tail))
