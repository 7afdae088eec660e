"""Real environments, made fast: a venv, and wheels put into it by a real installer."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from uv import find_uv_bin

Snapshot = dict[str, tuple[object, ...]]
_INSTALL = (
    *(find_uv_bin(), "pip", "install", "--quiet", "--offline", "--no-config", "--no-deps", "--no-index", "--reinstall"),
    *("--compile-bytecode", "--link-mode=copy"),
)
SERIES = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def make_environment(folder: Path, *wheels: tuple[str, bytes], by_uv: bool = False) -> Path:
    """An environment without pip at ``folder`` that holds these wheels; its site-packages."""
    if by_uv:
        _run([find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(folder)])
    else:
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    put_in(folder, *wheels)
    return folder / "lib" / SERIES / "site-packages"


def put_in(folder: Path, *wheels: tuple[str, bytes]) -> None:
    """Have uv install wheels into an environment, and Python compile them."""
    if not wheels:
        return
    with tempfile.TemporaryDirectory() as house:
        paths = [Path(house) / file for file, _ in wheels]
        for path, (_, content) in zip(paths, wheels, strict=True):
            path.write_bytes(content)
        python = str(folder / "bin" / "python")
        names = ["==".join(file.split("-")[:2]) for file, _ in wheels]
        _run([*_INSTALL, "--cache-dir", f"{house}/cache", "--python", python, "--find-links", house, *names])


def pin(wheel: tuple[str, bytes], before: str | None = None, url: str = "", **more: Any) -> dict[str, Any]:
    """A pin, as the change that installs wheels carries it."""
    file, content = wheel
    name, version = file.split("-")[:2]
    info = f"{name}-{before}.dist-info" if before else ""
    values = {"name": name.replace("_", "-"), "version": version, "before": before, "info": info}
    values |= {"file": file, "url": url}
    return {**values, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "why": "a test", **more}


def snapshot(folder: Path) -> Snapshot:
    """Every file with its content, mode, owner and time, every link and every folder with its mode."""
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        kind: tuple[object, ...] = ("folder",)
        if path.is_symlink():
            kind = ("link", os.readlink(path))
        elif path.is_file():
            kind = ("file", hashlib.sha256(path.read_bytes()).hexdigest(), seen.st_mtime_ns)
        found[str(path.relative_to(folder))] = (*kind, oct(seen.st_mode), seen.st_uid, seen.st_gid)
    return found


def version_of(folder: Path, module: str) -> str:
    """What the environment's own Python says of a module's ``version``; nothing is compiled."""
    argv = [str(folder / "bin" / "python"), "-B", "-c", f"import {module}; print({module}.version)"]
    return subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/").stdout.strip()


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True)
