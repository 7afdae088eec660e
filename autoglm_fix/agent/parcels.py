"""Files which the controller sends, for a host that cannot fetch them itself."""

from __future__ import annotations

import hashlib
import os
import selectors
from typing import Any

from .context import Context
from .state import State

_CHUNK = 1 << 16
_CREDIT = 1 << 18


def receive(ctx: Context, state: State, name: str, sha256: str, size: int) -> dict[str, Any]:
    """Write the bytes that come on stdin to a private folder, where they go by their digest.

    ``{"problem": None}``, or why the file is not there. It says ``credit`` with the bytes that it has taken, as
    the other end sends a few frames ahead and no more.
    """
    path = os.path.join(state.parcels, os.path.basename(sha256))
    if os.path.exists(path):
        return {"problem": None}
    try:
        os.makedirs(state.parcels, mode=0o700, exist_ok=True)
        with open(path + ".part", "wb", buffering=0) as out:
            found = _take(ctx, out, name, size)
        if found == sha256:
            os.rename(path + ".part", path)
            return {"problem": None}
        os.unlink(path + ".part")
    except OSError as err:
        return {"problem": f"{name} cannot be taken in {state.parcels}: {err.strerror}"}
    return {"problem": f"{name} came damaged"}


def _take(ctx: Context, out: Any, name: str, size: int) -> str:
    """Take so many bytes; their sha256. An end before that gives another one."""
    digest, done, told = hashlib.sha256(), 0, 0
    try:
        while done < size:
            data = os.read(0, _CHUNK)
            if not data:
                break
            digest.update(data)
            rest = memoryview(data)
            while rest:
                rest = rest[out.write(rest) :]
            done += len(data)
            if done - told >= _CREDIT or done == size:
                told = done
                ctx.emit({"event": "credit", "done": done})
            ctx.progress(f"sending {name}", done, size)
    except OSError:
        os.unlink(out.name)
        raise
    return digest.hexdigest()


class Inlet:
    """The pipe to the child that takes a file, which the agent's one process feeds as the child reads."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._outlet, self._inlet = os.pipe()
        self._waiting = bytearray()

    def other_end(self) -> int:
        """What the child reads from."""
        os.close(self._inlet)
        return self._outlet

    def forked(self) -> None:
        """The child is there, and has the other end."""
        os.close(self._outlet)
        os.set_blocking(self._inlet, False)

    def take(self, data: bytes) -> None:
        """Bytes for the child, which go as it has room for them."""
        if not self._waiting:
            self._selector.register(self._inlet, selectors.EVENT_WRITE, self)
        self._waiting += data

    def feed(self) -> None:
        """There is room."""
        if not self._waiting:
            return
        try:
            del self._waiting[: os.write(self._inlet, self._waiting)]
        except BlockingIOError:
            return
        except OSError:  # it has ended, or takes no more
            self._waiting.clear()
        if not self._waiting:
            self._selector.unregister(self._inlet)

    def close(self) -> None:
        """The child has ended."""
        if self._waiting:
            self._selector.unregister(self._inlet)
            self._waiting.clear()
        os.close(self._inlet)
