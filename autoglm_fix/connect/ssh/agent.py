"""ssh-agent: which keys it holds, and signatures by them. One that does not answer costs a run its patience once."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass

from paramiko import Message

# Longer than that no agent thinks about what it holds; a signature may wait for a person who confirms it.
_PATIENCE_S = 5.0
_LARGEST = 256 * 1024
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14


class AgentSilent(Exception):
    """The agent is gone, does not answer or will not sign. The text says which."""


@dataclass(frozen=True)
class AgentKey:
    """A key that an agent holds: its public half (or its certificate), and what the agent calls it."""

    blob: bytes
    comment: str


class Agent:
    """The agent behind one socket, for all threads of a run. It is asked once what it holds."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._keys: tuple[AgentKey, ...] | None = None
        self._why = ""

    def keys(self, deadline: float) -> tuple[AgentKey, ...]:
        """What it holds. Raises AgentSilent, from then on at once."""
        with self._lock:
            if self._why:
                raise AgentSilent(self._why)
            if self._keys is None:
                try:
                    self._keys = self._list(min(deadline, time.monotonic() + _PATIENCE_S))
                except AgentSilent as silent:
                    self._why = str(silent)
                    raise
            return self._keys

    def sign(self, key: AgentKey, data: bytes, flags: int, deadline: float) -> bytes:
        """A signature over the data, as the protocol has it. Raises AgentSilent."""
        request = Message()
        request.add_byte(bytes([_SIGN]))
        request.add_string(key.blob)
        request.add_string(data)
        request.add_int(flags)
        return self._ask(request.asbytes(), _SIGNED, deadline).get_string()

    def _list(self, deadline: float) -> tuple[AgentKey, ...]:
        answer = self._ask(bytes([_LIST]), _LISTED, deadline)
        count = answer.get_int()
        if count > _LARGEST:
            raise AgentSilent("its answer is no list of keys")
        keys = ((answer.get_string(), answer.get_string()) for _ in range(count))
        return tuple(AgentKey(blob, comment.decode("utf-8", "replace")) for blob, comment in keys)

    def _ask(self, request: bytes, wanted: int, deadline: float) -> Message:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.settimeout(_left(deadline))
                connection.connect(self.path)
                connection.sendall(len(request).to_bytes(4, "big") + request)
                length = int.from_bytes(_exactly(connection, 4, deadline), "big")
                if not 0 < length <= _LARGEST:
                    raise AgentSilent("its answer is none of ssh-agent's")
                answer = _exactly(connection, length, deadline)
            except TimeoutError:
                raise AgentSilent("it does not answer") from None
            except OSError as error:
                raise AgentSilent(error.strerror or "it is gone") from None
        if answer[0] != wanted:
            raise AgentSilent("it refuses")
        return Message(answer[1:])


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    found = b""
    while len(found) < count:
        connection.settimeout(_left(deadline))
        more = connection.recv(count - len(found))
        if not more:
            raise AgentSilent("it hung up")
        found += more
    return found


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
