"""The host's lock: one repair at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from typing import Any

from .standing import hold
from .state import State


class Lock:
    """The lock in a state directory."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._handle: int = -1

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._handle >= 0

    def take(self, run: str, who: str, despite: bool = False) -> dict[str, Any]:
        """Take the host's lock until it is given back, or until this process ends: one repair at a time.

        Returns ``{"held_by": None}`` with who held it ``last``, or who holds it, since when, in which run and process;
        ``{"problem", "folder"}`` where the directory cannot be written, ``{"hold": reason}`` where somebody has put the
        host on hold, unless it is taken ``despite`` that.
        """
        if self.held:
            return {"held_by": None}
        reason = None if despite else hold()
        if reason is not None:
            return {"held_by": None, "hold": reason}
        try:
            os.makedirs(self._state.folder, mode=0o700, exist_ok=True)
            handle = os.open(os.path.join(self._state.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            return {"problem": err.strerror, "folder": self._state.folder}
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held_by = os.pread(handle, 4096, 0).decode("utf-8", "replace")
            os.close(handle)
            return {"held_by": held_by}
        except OSError as err:  # a filesystem without locks
            os.close(handle)
            return {"problem": err.strerror, "folder": self._state.folder}
        since = time.strftime("%Y-%m-%d %H:%M:%S %z")
        try:
            last = os.pread(handle, 4096, 0).decode("utf-8", "replace")
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"run {run} of {who}, since {since}, process {os.getpid()}".encode(), 0)
        except OSError as err:
            os.close(handle)
            return {"problem": err.strerror, "folder": self._state.folder}
        self._handle = handle
        self._forget_parcels()  # of a run that was killed
        return {"held_by": None, "last": last}

    def give_back(self) -> None:
        """Let others take it."""
        if self.held:
            self._forget_parcels()
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # not only closed: children may have it open as well
            os.close(self._handle)
            self._handle = -1

    def _forget_parcels(self) -> None:
        shutil.rmtree(self._state.parcels, ignore_errors=True)
