"""The transport to this machine: the same agent, as a child process over pipes."""

from __future__ import annotations

from .channel import ChannelClosed, NotConnected, Stream
from .process import ProcessStream

NO_SUCH_PYTHON = "no Python at {python}"
NOT_RUNNABLE = "{python} cannot be started: {reason}"


class LocalChannel(ProcessStream):
    """A child process that speaks frames on its stdin and stdout."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        """Start it. Raises ChannelClosed."""
        try:
            super().__init__(argv)
        except FileNotFoundError as err:
            raise ChannelClosed(NO_SUCH_PYTHON.format(python=argv[0])) from err
        except OSError as err:
            raise ChannelClosed(NOT_RUNNABLE.format(python=argv[0], reason=err.strerror)) from err

    def _named(self, code: int | None) -> str:
        return "the agent's process"


def execute(command: str, *, terminal: bool = False) -> Stream:
    """Start one line of shell on this machine."""
    try:
        return ProcessStream(["/bin/sh", "-c", command], terminal=terminal)
    except OSError as err:
        raise NotConnected("connect.no-shell", {"reason": err.strerror}) from err
