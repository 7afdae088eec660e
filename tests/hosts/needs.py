"""What a machine must have for the lab; without it, tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

GROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))


def needs(what: str, commands: Sequence[str]) -> None:
    """Skip the test, and say what is missing, unless this machine can run `what`, and has these commands for it."""
    missing = [name for name in commands if not shutil.which(name)]
    missing += ["root"] if os.geteuid() else []
    missing += [] if _control_groups() else ["control groups (version 2)"]
    if missing:
        pytest.skip(f"no {what} without {', '.join(missing)}")


def control_group(name: str) -> Path:
    """Where a control group (version 2) of this name is made."""
    return _control_groups()[0] / name


def _control_groups() -> list[Path]:
    return [folder for folder in GROUPS if (folder / "cgroup.controllers").exists()]
