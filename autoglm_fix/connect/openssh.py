"""The system's own `ssh`, for what the built-in transport can't do: GSSAPI, FIDO keys, `Match exec`, shared masters.

One process is one connection. It is told to say what it is doing, so that each phase has its deadline from our side
too, and what it says in the end becomes one of our own sentences.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import threading
import time
from collections.abc import Callable

from .askpass import answering, can_answer
from .channel import ChannelClosed, NotConnected, Stream
from .openssh_said import Login, Phase, explain
from .openssh_way import on_the_way, places
from .process import ProcessStream
from .route import Credentials, Route
from .ssh.dial import Interrupted
from .ssh.pace import Turns, patiently

# What a user's configuration must not turn on for a command of ours, and what we listen to.
_FIXED = (
    "LogLevel=DEBUG1",
    "RemoteCommand=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "Tunnel=no",
)
_KEEPALIVE = ("ServerAliveInterval=10", "ServerAliveCountMax=3", "TCPKeepAlive=yes")
# How much later than ssh itself we give a phase up.
_SLACK_S = 2.0
_POLL_S = 0.2
# A jump host lets in, or turns away, in less; whoever is silent behind it holds up no others.
_PASSING_S = 5.0
# What ssh ends with where it failed itself, the connection was lost, or a signal ended the command.
_OWN_EXIT = 255


def argv(
    route: Route, command: str, *, accept_new: bool = False, asks: bool = False, terminal: bool = False
) -> list[str]:
    """ssh's argument vector. ``asks``: a password or a passphrase is there to answer it with.

    Of settings given twice ssh takes the first: ours that are fixed, the inventory's, our defaults; and then those of
    its configuration. How strictly host keys are checked is left to that, where a host that is not known is refused.
    Raises NotConnected for a name that would be taken for an option.
    """
    address = route.address[1:-1] if route.address.startswith("[") and route.address.endswith("]") else route.address
    for word in (address, route.user):
        if word.startswith("-") or "\0" in word or "\n" in word:
            raise NotConnected("openssh.bad-name", {"name": word})
    if not address:
        raise NotConnected("openssh.bad-name", {"name": address})
    settings = [*_FIXED, "NumberOfPasswordPrompts=1" if asks else "BatchMode=yes"]
    options = dict(route.options)
    program, config = options.pop("program", "ssh"), options.pop("configfile", "")
    settings += [f"{keyword}={value}" for keyword, value in options.items()]
    settings += [f"ConnectTimeout={max(1, math.ceil(route.timeout_s))}", *_KEEPALIVE]
    if accept_new:
        settings.append("StrictHostKeyChecking=accept-new")
    words = [program, *(("-F", config) if config else ()), "-e", "none", "-tt" if terminal else "-T"]
    words += [word for setting in settings for word in ("-o", setting)]
    for option, value in (("-p", route.port), ("-l", route.user), ("-i", route.key_file)):
        words += [option, str(value)] if value else []
    return [*words, "--", address, command]


class OpenSsh:
    """Starts commands on one host, each over an ssh of its own. It is an ``Execute``."""

    def __init__(
        self,
        route: Route,
        credentials: Credentials,
        *,
        accept_new: bool = False,
        stop: threading.Event | None = None,
        turns: Turns | None = None,
    ) -> None:
        """``accept_new``: the key of a host that was never seen is noted and trusted. ``stop`` ends all waiting.

        ``turns`` are the run's, by which not too many log in to one jump host at once.
        """
        self._route = route
        self._credentials = credentials
        self._accept_new = accept_new
        self._stop = stop or threading.Event()
        self._turns = turns or Turns(self._stop)
        self._way: list[str] | None = None

    def __call__(self, command: str, *, terminal: bool = False) -> Stream:
        """Log in and start one line of shell. Raises NotConnected.

        A login that failed before anything ran there, in a way that may pass, is tried again.
        """
        asks = self._credentials.password is not None or self._credentials.passphrase is not None
        words = argv(self._route, command, accept_new=self._accept_new, asks=asks, terminal=terminal)
        if asks and not can_answer():
            raise NotConnected("openssh.password", {"host": self._route.address})
        try:
            return patiently(lambda: self._started(words), self._route.timeout_s, self._stop, random.random)
        except Interrupted:
            raise NotConnected("connect.stopped", {"host": self._route.address}) from None
        except FileNotFoundError as err:
            raise NotConnected("openssh.missing") from err
        except OSError as err:
            raise NotConnected("openssh.not-started", {"reason": err.strerror}) from err

    def _started(self, words: list[str]) -> Stream:
        route, stop = self._route, self._stop
        if self._way is None:
            self._way = on_the_way(words, route.options, route.timeout_s, stop)
        with (
            places(self._turns, self._way) as taken,
            answering(self._credentials) as environment,
            contextlib.ExitStack() as unless_in,
        ):
            stream = _SshStream(words, {**os.environ, **environment})
            unless_in.callback(stream.abandon)
            stream.log_in(route, stop, taken.leave)
            unless_in.pop_all()
        return stream


class _SshStream(ProcessStream):
    """An ssh process. What it says of itself is left out of what the command said."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self._login = Login()
        super().__init__(words, env, whole_group=True)

    def log_in(self, route: Route, stop: threading.Event, passed: Callable[[], object] = lambda: None) -> None:
        """Until the command runs. Raises NotConnected, Interrupted.

        ``passed`` is called once what is on the way has been passed: the host itself speaks, or keeps silent behind it.
        """
        login = self._login
        began = time.monotonic()
        while login.phase is not Phase.OPEN:
            if login.phase not in (Phase.CONNECT, Phase.BANNER) or time.monotonic() - began > _PASSING_S:
                passed()
            latest = login.since + (route.timeout_s + _SLACK_S) * login.patience
            left = latest - time.monotonic()
            if stop.is_set():
                raise Interrupted
            if left <= 0:
                raise explain(self.said(), login, route, None)
            try:
                data = self.read(min(left, _POLL_S))
            except ChannelClosed as err:
                raise explain(self.said(), login, route, err.exit_code) from err
            if data:
                self.put_back(data)
                break
        # A greeting is no word of the command's.
        self._said = b""

    def _sifted(self, data: bytes) -> bytes:
        return self._login.sift(data)

    def _end(self) -> ChannelClosed:
        """The error for its end. ssh's own exit code says nothing of how the command ended, and is left out."""
        end = super()._end()
        if self._login.phase is Phase.OPEN and end.exit_code == _OWN_EXIT:
            return ChannelClosed(str(end), end.tail)
        return end

    def _named(self, code: int | None) -> str:
        # Any other code is that of the command.
        return "ssh" if code is None or code < 0 or code == _OWN_EXIT else "the process"
