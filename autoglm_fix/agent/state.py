"""The state directory of a host: the lock, and one folder for each run that changed something."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any

from .changes import CannotChange


def default_state_dir() -> str:
    """/var/lib/autoglm-fix for root, else the user's own state directory."""
    if os.geteuid() == 0:
        return "/var/lib/autoglm-fix"
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "autoglm-fix")


class State:
    """One state directory. Nothing is created before something is about to change."""

    def __init__(self, folder: str) -> None:
        self.folder = folder or default_state_dir()
        self._lock: int = -1

    def run_folder(self, run: str) -> str:
        return os.path.join(self.folder, "runs", os.path.basename(run))

    def runs(self) -> list[str]:
        """Ids of the runs that changed something here, oldest first."""
        try:
            return sorted(os.listdir(os.path.join(self.folder, "runs")))
        except FileNotFoundError:
            return []

    def lock(self, run: str, who: str) -> dict[str, Any]:
        """Take the host's lock until ``unlock``, or until this process ends: one repair at a time.

        Returns ``{"held_by": None}`` with who held it ``last``, or who holds it, since when, in which run;
        ``{"problem": ...}`` where the directory cannot be written.
        """
        if self._lock >= 0:
            return {"held_by": None}
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            handle = os.open(os.path.join(self.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            return {"problem": f"no journal can be kept in {self.folder}: {err.strerror}"}
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held_by = os.pread(handle, 4096, 0).decode("utf-8", "replace")
            os.close(handle)
            return {"held_by": held_by}
        since = time.strftime("%Y-%m-%d %H:%M:%S %z")
        try:
            last = os.pread(handle, 4096, 0).decode("utf-8", "replace")
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"run {run} of {who}, since {since}".encode(), 0)
        except OSError as err:
            os.close(handle)
            return {"problem": f"no journal can be kept in {self.folder}: {err.strerror}"}
        self._lock = handle
        return {"held_by": None, "last": last}

    def unlock(self) -> None:
        """Give the lock back."""
        if self._lock >= 0:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # not only closed: children may have it open as well
            os.close(self._lock)
            self._lock = -1


class Journal:
    """What one run did to this host: intents with their inverses, then outcomes, each fsynced."""

    def __init__(self, state: State, run: str) -> None:
        self.folder = state.run_folder(run)
        self._path = os.path.join(self.folder, "journal.jsonl")

    def append(self, entry: dict[str, Any]) -> None:
        """Write one entry to the disk. CannotChange where it cannot be kept."""
        line = json.dumps({**entry, "at": time.time()}, ensure_ascii=False) + "\n"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, line.encode("utf-8"))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as err:
            raise CannotChange(f"the journal {self._path} cannot be written: {err.strerror}") from err

    def entries(self) -> list[dict[str, Any]]:
        """All whole entries, oldest first. A last line that was cut off is no entry."""
        try:
            with open(self._path, encoding="utf-8") as lines:
                return [json.loads(line) for line in lines if line.endswith("\n")]
        except FileNotFoundError:
            return []
