"""The other Pythons of a machine, for code that must run on them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest


def python_3_8() -> str:
    """A Python 3.8, the oldest that the agent promises to run on; the test is skipped without one."""
    found = _python("3.8")
    if found is None:
        pytest.skip("no Python 3.8 on this machine")
    return found


def python_3_7() -> str:
    """A Python 3.7, which is too old; the test is skipped without one."""
    found = _python("3.7")
    if found is None:
        pytest.skip("no Python 3.7 on this machine")
    return found


@functools.cache
def _python(version: str) -> str | None:
    name = f"python{version}"
    installed = [str(path) for path in (Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/{name}")]
    for candidate in filter(None, [*installed, shutil.which(name)]):
        # A version manager's shim is on the path whether or not there is a Python behind it.
        if subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None
