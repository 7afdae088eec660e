"""What a container engine says: that the shell has started in the container, or why it has not."""

from __future__ import annotations

import re
import secrets
import threading
import time

from .channel import ChannelClosed, NotConnected, Stream
from .route import Route

# In the order in which they are looked for, in the words of docker, podman and runc: pattern, code, whether the
# container was reached and says no.
_REASONS: tuple[tuple[str, str, bool], ...] = (
    (r"permission denied while trying to connect|dial unix \S+: connect: permission denied", "docker.denied", False),
    (r"No such container|no container with name or ID|no such container", "docker.no-container", False),
    (r"is paused|while it is paused", "docker.paused", False),
    (r"is not running|can only create exec sessions on running|container state improper", "docker.not-running", False),
    (r"is restarting", "docker.not-running", False),
    (r"unable to find user|no matching entries in passwd|no such user", "docker.no-user", True),
    (r"\"sh\": executable file not found|exec.* sh.*: no such file or directory", "docker.no-shell", True),
    (r"Cannot connect to|[Uu]nable to connect to Podman|daemon running\?", "docker.no-engine", False),
    (r"dial (unix|tcp)[^:]*: |error during connect", "docker.no-engine", False),
)
_POLL_S = 0.2
_EARLY = 8192


class Mark:
    """A word that the container's shell says before anything else."""

    def __init__(self) -> None:
        self.seen = False
        self._word = f"autoglm-fix {secrets.token_hex(8)}".encode()
        self._before = b""

    def before(self, command: str) -> str:
        """The command, said to be starting."""
        return f"echo {self._word.decode()} >&2; {command}"

    def sift(self, data: bytes) -> bytes:
        """What follows the mark; what precedes it is the engine's."""
        if self.seen:
            return data
        self._before += data
        head, word, rest = self._before.partition(self._word)
        _, end, rest = rest.partition(b"\n")
        if not word or not end:
            self._before = self._before[-_EARLY:]
            return b""
        self.seen, self._before = True, head
        return rest

    @property
    def early(self) -> str:
        """What the engine said."""
        return self._before.decode("utf-8", "replace")


def wait_for_shell(
    stream: Stream, mark: Mark, route: Route, values: dict[str, object], stop: threading.Event, *, terminal: bool
) -> bytes:
    """Until the container's shell runs; what the command has already said. Raises NotConnected."""
    latest = time.monotonic() + route.timeout_s
    early = b""
    while not mark.seen:
        if stop.is_set():
            raise NotConnected("connect.stopped", {"host": route.address})
        if (left := latest - time.monotonic()) <= 0:
            raise NotConnected("docker.timeout", {**values, "seconds": route.timeout_s}, _tail(mark.early))
        try:
            data = stream.read(min(left, _POLL_S))
        except ChannelClosed as err:
            said = f"{early.decode('utf-8', 'replace')}\n{mark.early}"
            raise explain(said, {**values, "code": err.exit_code}) from err
        # Beside a mark on stderr, what the command says on stdout may come first.
        early += mark.sift(data) if terminal else data
    return early


def explain(said: str, values: dict[str, object]) -> NotConnected:
    """Why no shell was started; ``values`` hold ``container`` and ``program``, or how to reach the engine."""
    for pattern, code, refused in _REASONS:
        if re.search(pattern, said):
            return NotConnected(code, values, _tail(said), refused=refused)
    return NotConnected("docker.failed", values, _tail(said))


def _tail(said: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in said.splitlines() if line.strip())[-10:]
