"""What a run did to a host, written down before and after it is done."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .changes import CannotChange
from .state import State


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
