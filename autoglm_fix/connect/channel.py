"""What every transport offers: bytes to and from a command on a host, and why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


class ChannelClosed(Exception):
    """The other end is gone. ``tail`` holds the last lines that it said on stderr, ``exit_code`` how it ended.

    The code is that of a shell, or minus the number of a signal. ``behind`` names the jump host that was lost on the
    way: for all hosts behind it that is one failure.
    """

    def __init__(
        self, reason: str, tail: tuple[str, ...] = (), exit_code: int | None = None, *, behind: str | None = None
    ) -> None:
        super().__init__(reason)
        self.tail = tail
        self.exit_code = exit_code
        self.behind = behind


class NotConnected(ChannelClosed):
    """No agent could be started on a host, and nothing was changed there.

    ``code`` and ``values`` are its sentence's (``connect.<what>``). ``refused``: the host was reached and says no
    (a become, a Python that there is not): it is ``failed``, not ``unreachable``. ``behind`` names the jump host
    that could not be passed: for all hosts behind it that is one failure. ``passing``: the same may succeed in a
    moment (a banner that did not come, a connection dropped before the login), so that it may be tried again.
    """

    def __init__(
        self,
        code: str,
        values: Mapping[str, Any] | None = None,
        tail: tuple[str, ...] = (),
        *,
        refused: bool = False,
        behind: str | None = None,
        passing: bool = False,
    ) -> None:
        super().__init__(code, tail, behind=behind)
        self.code = code
        self.values = dict(values or {})
        self.refused = refused
        self.passing = passing


class Channel(Protocol):
    """A pair of byte streams. Reads end within their time-out; closing ends the agent."""

    def write(self, data: bytes) -> None:
        """Send all of it, or raise ChannelClosed."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, ``b""`` when nothing came in time; ChannelClosed at the end."""

    def close(self) -> None:
        """End the channel; the agent then ends the processes that it started."""


@runtime_checkable
class Greeted(Protocol):
    """A channel on which the login may have said something of its own before the agent was heard."""

    def greeting(self) -> tuple[str, ...]:
        """The last lines of that, none before the agent was heard."""


class Stream(Channel, Protocol):
    """A command that was started on a host, before an agent is known to speak on it.

    ``read`` also returns early, empty, when something was said on stderr.
    """

    def said(self) -> str:
        """What it has said on stderr so far, the last 8 KiB of it, undecodable bytes replaced."""


class Execute(Protocol):
    """A way to start commands on one host. Raises NotConnected."""

    def __call__(self, command: str, *, terminal: bool = False) -> Stream:
        """Start one line of shell with the user's login shell there; ``terminal``: on a pseudo-terminal."""
