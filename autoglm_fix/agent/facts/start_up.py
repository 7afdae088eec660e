"""start_up: whether the service answers yet, and where it is not up, what it does and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..context import Context

_PATIENCE_S = 2.0
# Uninterruptible sleep, and SYN_SENT in the table of sockets.
_SIGNS = (("stat", b") D "), ("net/tcp", b" 02 "))


@dataclass(frozen=True)
class Sample:
    """What the service's processes had used in sum, ``at`` seconds after the first look.

    ``cpu`` in seconds; ``read``, ``written``, ``resident``, ``gpu`` and ``log`` (its length) in bytes. What could not
    be read is None. ``pids`` are the processes.
    """

    at: float
    cpu: float
    resident: int
    pids: list[int] = field(default_factory=list)
    read: int | None = None
    written: int | None = None
    gpu: int | None = None
    log: int | None = None


@dataclass(frozen=True)
class Wait:
    """Something that a process (``pid``, 0 for the service as a whole) waits for.

    ``kind``: ``connect`` (``what`` is the other side's address), ``dns`` (the name server's), ``disk`` (where in the
    kernel; ``who`` is the filesystem), ``lock`` (the file; ``who`` holds it), ``held`` (a lock of a cache that others
    hold: whoever polls it waits without being seen to), ``left`` (a lock file that nobody holds open any more).
    """

    kind: str
    what: str
    pid: int = 0
    who: str = ""


@dataclass(frozen=True)
class StartUp:
    """A start, as far as it is. ``StartUp.collect`` looks closely only where a service does not answer, or waits.

    ``state``: ``answers`` (its endpoint does; nothing more was looked at), ``runs`` (it has no endpoint, and no sign
    of a wait), ``down`` (no process), ``looked`` (``samples`` holds the first and the last, and the rest is there).
    ``since`` and ``now`` are epoch seconds by the host's clock. ``log`` holds the last lines of its output and
    ``logged`` when the last one came, None where that cannot be told; ``output`` says where it goes if nobody can
    read it there: ``null`` or ``deleted``. ``compilers`` are the names of compilers that it runs. ``stacks`` are what
    the innermost process did, twice, the innermost call first (none where it moved); ``stacked`` is that process, and
    ``unstacked`` why there are none. ``shm_total`` and ``shm_free`` are the bytes of its /dev/shm, None where it has
    none. ``connects``: whoever listens at its endpoint takes connections; ``ports`` are those that its processes
    listen on (not looked at where something moves).
    """

    state: str
    since: float = 0.0
    now: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    logged: float | None = None
    output: str = ""
    compilers: list[str] = field(default_factory=list)
    stacks: list[list[str]] = field(default_factory=list)
    stacked: str = ""
    unstacked: str = ""
    shm_total: int | None = None
    shm_free: int | None = None
    connects: bool = False
    ports: list[int] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context, *, watch: float = 10.0) -> StartUp:
        """Ask its endpoint; where that does not answer, watch its processes for ``watch`` seconds at most."""
        endpoint = ctx.declared.endpoint
        said = _asked(endpoint) if endpoint else None
        if said:
            return cls("answers")
        from .service import Service

        service: Any = ctx.fact(Service)
        if service.running is None:
            return cls("down")
        if not endpoint and service.state != "starting" and not _waits(service.running.pids):
            return cls("runs")
        from ..starting.watch import watched

        return watched(ctx, service, watch, said is not None)


def _asked(endpoint: str) -> bool | None:
    """Whether it says anything but that it is still loading; None where nobody takes the connection."""
    import socket
    from urllib.parse import urlsplit

    line = None
    try:
        place = urlsplit(endpoint)
        port = place.port or (443 if place.scheme == "https" else 80)
        with socket.create_connection((place.hostname or "", port), _PATIENCE_S) as line:
            if place.scheme == "https":
                return True
            line.settimeout(_PATIENCE_S)
            line.sendall(f"GET /health HTTP/1.0\r\nHost: {place.hostname}\r\n\r\n".encode())
            return line.recv(16)[9:12] not in (b"", b"502", b"503", b"504")
    except (OSError, ValueError):
        return None if line is None else False


def _waits(pids: list[int]) -> bool:
    """A first sign of a wait: a process in uninterruptible sleep, a connection that nobody accepts."""
    for pid in pids:
        for name, sign in _SIGNS:
            try:
                with open(f"/proc/{pid}/{name}", "rb") as source:
                    if sign in source.read():
                        return True
            except OSError:
                continue
    return False
