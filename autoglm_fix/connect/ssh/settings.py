"""How one host is reached over SSH, after the inventory, the command line and ~/.ssh/config have had their say."""

from __future__ import annotations

from dataclasses import dataclass

# Where nothing says how often a silent host is asked for a sign of life. A 0 that somebody wrote is heeded.
KEEPALIVE_S = 15.0


@dataclass(frozen=True)
class Beyond:
    """A setting that only the system's own ssh can carry out, and the place where it is made."""

    setting: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """The file and the number of the line, as errors name it."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class SshSettings:
    """All that a connection needs to know of a host. Hashable, holds no secret; paths are absolute.

    ``name`` is what was asked for, ``hostname`` what is connected to. ``config`` is the file that ``-F`` names, or
    ``none``; ``""`` for the usual ones. ``jumps`` are passed in that order, each
    reached through those before it, and have no ``jumps`` of their own; the first may have a ``proxy_command``.
    ``proxy_command`` is a whole line for ``sh -c``, its tokens filled in and its words safe. ``agent`` is the path of
    a socket, ``""`` for none. ``strict`` is ``yes`` or ``accept-new``: a ``no`` is that too, as a key that has changed
    is never taken. ``host_key_name`` is what known_hosts is asked for: the alias, or the host name, with a port other
    than 22 as ``[name]:port``. Algorithms are as ssh_config writes them (``a,b``, ``+a``, ``-a*``, ``^a``), empty for
    paramiko's own: `algorithms.agree` sets them on a transport. ``methods`` are those of the login that may be tried,
    in order. ``keepalive_s`` is how long a host may be silent before it is asked for a sign of life; 0: it never is.
    """

    name: str
    hostname: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    identities_named: bool = False  # by the inventory or the config: not just ssh's usual file names
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str = ""
    jumps: tuple[SshSettings, ...] = ()
    proxy_command: str | None = None
    strict: str = "yes"
    known_hosts: tuple[str, ...] = ()
    global_known_hosts: tuple[str, ...] = ()
    revoked_keys: str = ""
    host_key_name: str = ""
    hash_known_hosts: bool = False
    host_key_algorithms: str = ""
    kex: str = ""
    ciphers: str = ""
    macs: str = ""
    key_algorithms: str = ""
    methods: tuple[str, ...] = ("publickey", "keyboard-interactive", "password")
    keepalive_s: float = KEEPALIVE_S
    keepalive_count: int = 3
    timeout_s: float = 10.0
    compression: bool = False
    address_family: str = "any"
    bind_address: str = ""
    beyond: tuple[Beyond, ...] = ()
    config: str = ""
