"""A driver's library for machines without a GPU, compiled when a test needs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SONAME = "libnvidia-ml.so.1"


def build(folder: Path, *, old: bool = False) -> Path:
    """The folder with the stand-in in it, for ``LD_LIBRARY_PATH``. Skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    source = Path(__file__).with_name("stub.c")
    folder.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{SONAME}", *(["-DOLD"] if old else [])]
    subprocess.run([*command, "-o", str(folder / SONAME), str(source)], check=True)
    return folder
