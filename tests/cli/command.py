"""The command line as a person calls it: a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


def alone() -> tuple[str, ...]:
    """What to begin a command with so that it sees no process but its own, where that can be had."""
    words = ("unshare", "--fork", "--pid", "--mount-proc")
    can = shutil.which(words[0]) and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if can else ()


def autoglm_fix(*arguments: str | Path, cwd: Path | None = None, begin: Sequence[str] = (), **environment: str) -> Said:
    """Call it without a terminal. A traceback on the screen is always a defect."""
    done = subprocess.run(
        [*begin, sys.executable, "-m", "autoglm_fix", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "LANG": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def inventory(folder: Path, model: Path, **service: str) -> Path:
    """An inventory of this machine with one service."""
    file = folder / "inventory.yml"
    keys = {"python": sys.executable, "model": str(model), **service}
    lines = "".join(f"        {key}: {json.dumps(value)}\n" for key, value in keys.items())
    file.write_text(
        f"all:\n  hosts:\n    localhost:\n      ansible_connection: local\n      service:\n{lines}", encoding="utf-8"
    )
    return file
