"""Starting an agent on any host: one line that every login shell takes, and whatever may come back instead."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import NoReturn

from autoglm_fix.agent.frames import END

from .become import FORGET, NEEDS_TERMINAL, asks, becoming
from .channel import Channel, ChannelClosed, Execute, NotConnected
from .line import line_of, ready, starting
from .refused import Scene
from .route import Credentials, Route

_POLL_S = 0.5
# Once it has ended, or will not listen, what it still has to say comes soon.
_LAST_WORDS_S = 5.0
# What logins print before we are heard: so much is passed over, and so much of it kept.
_NOISE = 8 * 1024 * 1024
_KEPT = 16 * 1024
_NOTHING = ("", "")
_INTERRUPT = b"\x03"


def start_agent(
    execute: Execute,
    route: Route,
    credentials: Credentials,
    *,
    host: str,
    timeout_s: float | None = None,
    stop: threading.Event | None = None,
) -> Channel:
    """A channel on which an agent starts, as the route's ``become`` user. Raises NotConnected.

    If no password has to be typed, this returns without waiting: the first frame may be written at once, and whatever
    keeps the agent from starting is raised, as NotConnected too, by the first ``read`` or ``write`` that meets it.
    ``timeout_s`` bounds the time from now to the agent's first sign of life (default: the route's): every host is
    looked at before any is changed, so one Python that hangs would hold up all others. ``stop`` ends the wait for
    what follows a password.
    """
    marker = os.urandom(8).hex()
    password = credentials.become_password if route.become is not None else None
    line, terminal = line_of(starting(marker, route.python)), False
    if route.become is not None:
        words = starting(marker, route.python, clean=FORGET)
        way = becoming(route.become, words, marker, password=password is not None)
        line, terminal = way.line, way.terminal
    scene = Scene(host, route, marker, password)
    patience_s = route.timeout_s if timeout_s is None else timeout_s
    channel = _Starting(execute, line, ready(marker), password, scene, patience_s, stop or threading.Event())
    channel.open(terminal)
    if terminal or password is not None:
        channel.wait()
    return channel


class _Starting:
    """The channel of an agent that may not have started yet."""

    def __init__(
        self,
        execute: Execute,
        line: str,
        mark: bytes,
        password: str | None,
        scene: Scene,
        timeout_s: float,
        stop: threading.Event,
    ) -> None:
        self._execute = execute
        self._line = line
        self._mark = mark
        self._password = password
        self._scene = scene
        self._timeout_s = timeout_s
        self._stop = stop
        self._latest = time.monotonic() + timeout_s
        self._terminal = False
        self._started = False
        self._deaf = False
        self._answered = _NOTHING
        self._heard = bytearray()
        self._passed = 0
        self._early = b""
        self._greeting: tuple[str, ...] = ()
        self._lacking: NotConnected | None = None
        # Sent before there was a sign of life, and so not yet taken by anybody.
        self._ahead: list[bytes] = []

    def open(self, terminal: bool) -> None:
        self._terminal = terminal
        self._stream = self._execute(self._line, terminal=terminal)

    def wait(self) -> None:
        """Wait until the agent has started. Raises NotConnected where it does not, or ``stop`` is set."""
        while not self._started:
            if self._stop.is_set():
                self._fail(self._scene.stopped())
            self._listen(_POLL_S)

    def write(self, data: bytes) -> None:
        if self._started:
            self._send(data)
            return
        self._ahead.append(data)
        try:
            self._stream.write(data)
        except NotConnected:
            raise
        except ChannelClosed as end:
            self._last_words(end)

    def read(self, timeout_s: float) -> bytes:
        if not self._started:
            self._listen(timeout_s)
        if self._early:
            data, self._early = self._early, b""
            return data
        return self._stream.read(timeout_s) if self._started else b""

    def greeting(self) -> tuple[str, ...]:
        return self._greeting

    def close(self) -> None:
        if self._terminal and not self._deaf:
            # A terminal knows no end of input: the agent is told of it, and a prompt interrupted.
            with contextlib.suppress(ChannelClosed):
                self._send(END if self._started else _INTERRUPT)
        self._stream.close()

    # -- inside

    def _send(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except ChannelClosed:
            self._deaf = True
            raise

    def _last_words(self, end: ChannelClosed) -> None:
        """It takes no more input. Wait for it to say why, and raise what is known."""
        latest = time.monotonic() + _LAST_WORDS_S
        while not self._started and time.monotonic() < latest:
            self._listen(_POLL_S)
        if not self._started:
            self._end(end)

    def _listen(self, timeout_s: float) -> None:
        """Read once, and act on what came: noise, a prompt, the sign of life, or the end."""
        left = self._latest - time.monotonic()
        try:
            data = self._stream.read(max(0.0, min(timeout_s, left)))
        except NotConnected:
            raise
        except ChannelClosed as end:
            self._end(end)
            return
        if data:
            self._hear(data)
        if not self._started:
            self._answer_prompt()
        if not self._started and not data and left <= 0:
            self._fail(self._scene.late(self._timeout_s, self._text(), self._stream.said()))

    def _hear(self, data: bytes) -> None:
        self._passed += len(data)
        self._heard += data
        before, mark, rest = self._heard.partition(self._mark)
        if mark:
            self._greeting = self._scene.tail(before.decode("utf-8", "replace"), self._stream.said())
            self._started, self._early, self._heard = True, bytes(rest), bytearray()
            self._ahead.clear()
        elif self._passed > _NOISE:
            self._fail(self._scene.flooded(self._passed, self._text(), self._stream.said()))
        del self._heard[:-_KEPT]

    def _answer_prompt(self) -> None:
        said, heard = self._stream.said(), self._text()
        since = self._scene.asked(heard)
        if since is None:
            return
        # What was answered still stands there until more is said, and said on that stream.
        before_heard, before_said = self._answered
        if not asks("" if since == before_heard else since, "" if said == before_said else said):
            return
        if self._password is None:
            self._fail(self._scene.refused("password-needed", heard, said))
        if self._answered != _NOTHING:
            # Wrong passwords lock accounts: no second attempt is made.
            self._fail(self._scene.asked_again(heard, said))
        self._answered = (since, said)
        self._type(f"{self._password}\n".encode())

    def _type(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except NotConnected:
            raise
        except ChannelClosed as end:
            self._end(end)

    def _end(self, end: ChannelClosed) -> None:
        """The command ended without an agent. If all it lacked was a terminal, start it once more on one."""
        why = self._scene.ended(self._text(), self._stream.said(), end)
        if why.code != NEEDS_TERMINAL or self._terminal:
            # One that was refused the terminal as well says less than it did without.
            self._fail(why if self._lacking is None or why.refused else self._lacking)
        self._lacking = why
        self._stream.close()
        ahead = b"".join(self._ahead)
        self._heard.clear()
        self._answered = _NOTHING
        self.open(True)
        self.wait()
        self._lacking = None
        self._send(ahead)

    def _fail(self, why: NotConnected) -> NoReturn:
        self.close()
        raise why

    def _text(self) -> str:
        return self._heard.decode("utf-8", "replace")
