"""From a host's variables to a channel: which transport, with which Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from .bundle import argv
from .channel import Channel
from .local import LocalChannel

TRANSPORTS = ("local",)


class NoTransport(ValueError):
    """A connection that this version cannot make."""


@dataclass(frozen=True)
class Route:
    """How a host is reached: all that an ``undo`` needs to reach it again. Holds no secret."""

    connection: str = "local"
    python: str = ""
    state_dir: str = ""

    @classmethod
    def of(cls, variables: Mapping[str, object], state_dir: str) -> Route:
        """The route that Ansible's variables describe. Raises NoTransport for what cannot be done.

        ``autoglm_fix_state_dir`` says where the host keeps its journal; on this machine, without it,
        that is ``state_dir``.
        """
        connection = str(variables.get("ansible_connection") or "ssh")
        if connection not in TRANSPORTS:
            raise NoTransport(f"the connection '{connection}' is not available in this version")
        python = str(variables.get("ansible_python_interpreter") or "")
        return cls(connection, python, str(variables.get("autoglm_fix_state_dir") or state_dir))

    @property
    def open(self) -> Callable[[], Channel]:
        """Opens a channel to an agent on that host; may raise ChannelClosed."""
        return lambda: LocalChannel(argv(self.python or sys.executable))

    def as_dict(self) -> dict[str, str]:
        """The route as JSON-able values."""
        return asdict(self)
