"""What a run did to a host, written down before and after it is done."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .changes import CannotChange
from .frames import write_all
from .state import State


class BrokenJournal(CannotChange):
    """A journal that nobody can go by any more: a line before its last is none. The rest is not guessed."""

    def __init__(self, path: str, line: int) -> None:
        folder = os.path.dirname(path)
        super().__init__(
            f"line {line} of {path} is broken, and nothing of that run is put back by guess; what was there before is"
            f" kept in {folder}/kept, or in .autoglm-fix beside a file on another disk: bring back by hand what you"
            f" need, then move {folder} away"
        )
        self.path = path


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
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                _drop_torn_line(handle)
                write_all(handle, line.encode("utf-8"))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as err:
            raise CannotChange(f"the journal {self._path} cannot be written: {err.strerror}") from err

    def entries(self) -> list[dict[str, Any]]:
        """All whole entries, oldest first. A last line that was cut off is no entry. Raises BrokenJournal."""
        try:
            with open(self._path, "rb") as source:
                lines = [line for line in source if line.endswith(b"\n")]
        except FileNotFoundError:
            return []
        entries: list[dict[str, Any]] = []
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict) or not {"intent", "outcome"} & set(entry):
                raise BrokenJournal(self._path, len(entries) + 1)
            entries.append(entry)
        return entries


def _drop_torn_line(handle: int) -> None:
    """Take away a last line that was cut off, so that the next entry does not become part of it."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.ftruncate(handle, os.pread(handle, size, 0).rfind(b"\n") + 1)
