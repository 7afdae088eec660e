"""A driver's libraries for machines without a GPU, compiled when a test needs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SONAME = "libnvidia-ml.so.1"
CUDA_SONAME = "libcuda.so.1"


def build(folder: Path, *, old: bool = False) -> Path:
    """The folder with a libnvidia-ml in it, for ``LD_LIBRARY_PATH``. Skips where there is no C compiler."""
    return _compiled("stub.c", folder / SONAME, "-DOLD" if old else "-DNEW")


def build_cuda(folder: Path, *, version: str | None = None) -> Path:
    """The folder with a libcuda in it; with a version the soname is a link to that version's file."""
    if version is None:
        return _compiled("cuda.c", folder / CUDA_SONAME)
    _compiled("cuda.c", folder / f"libcuda.so.{version}")
    (folder / CUDA_SONAME).symlink_to(f"libcuda.so.{version}")
    return folder


def _compiled(source: str, target: Path, *options: str) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    target.parent.mkdir(parents=True, exist_ok=True)
    soname = ".".join(target.name.split(".")[:2]) + ".1"
    command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{soname}", *options]
    subprocess.run([*command, "-o", str(target), str(Path(__file__).with_name(source)), "-ldl"], check=True)
    return target.parent
