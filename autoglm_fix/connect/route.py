"""How a host is reached: what its variables say of it, and the secrets that go with it, kept apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from autoglm_fix.shaped import shaped


@dataclass(frozen=True)
class Become:
    """Another user on the host. ``method`` is ``sudo``, ``su`` or ``doas``, ``program`` its path where it is unusual.

    ``options`` are words that it is given before all others (``ansible_become_flags``).
    """

    method: str = "sudo"
    user: str = "root"
    program: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """How a host is reached: all that an ``undo`` needs to reach it again. Holds no secret.

    ``connection`` is ``local``, ``ssh``, ``openssh`` or ``docker``. ``address`` is the name that ``~/.ssh/config`` is
    asked for (``ansible_host``, else the host's name), or the container's. ``options`` are settings of ssh that the
    inventory gives, by their keyword in lower case; they outrank ``~/.ssh/config``. ``timeout_s`` is for each phase of
    connecting. An empty ``python`` is looked for on the host. An empty ``state_dir`` is the host's own default.

    Three options are none of ssh's keywords: ``configfile`` stands for the user's and the system's ssh_config
    (``none``: for no file), ``program`` is the client that is run (``docker``, ``podman``, or the path of one; with
    ``openssh`` the path of its ``ssh``), and ``host`` is where a container engine listens. ``words`` are further
    arguments for the engine's client, before all others.
    """

    connection: str = "local"
    address: str = ""
    port: int | None = None
    user: str = ""
    key_file: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    python: str = ""
    become: Become | None = None
    state_dir: str = ""
    words: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The route as JSON-able values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Route:
        """The route that ``as_dict`` wrote down."""
        return shaped(plain, cls)


@dataclass(frozen=True)
class Credentials:
    """The secrets of one host: they go to the host alone, by a prompt's way or the protocol's, never by argv."""

    password: str | None = field(default=None, repr=False)
    become_password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)

    @property
    def words(self) -> tuple[str, ...]:
        """Those that there are: what no output may show."""
        return tuple(word for word in (self.password, self.become_password, self.passphrase) if word)


@dataclass(frozen=True)
class JumpLogin:
    """Who logs in to a jump host where ssh's configuration does not say, and with what."""

    user: str = ""
    credentials: Credentials = field(default_factory=Credentials)


# What is known of a jump host by its name, None where nothing is. Called from any thread; may raise NotConnected.
JumpLogins = Callable[[str], JumpLogin | None]


def nothing_known(_name: str) -> None:
    """Jump hosts let in by keys alone."""
