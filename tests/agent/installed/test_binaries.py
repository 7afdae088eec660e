"""What only binaries say, held against what they say when they run."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from autoglm_fix.agent.installed.binaries import glibc, python_version
from autoglm_fix.agent.installed.layout import Folders
from autoglm_fix.agent.reach import Reach, Who
from autoglm_fix.agent.view import View

FOLDERS = Folders(Reach(View(), Who(None)))
LIBRARY = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def test_the_version_of_a_python_stands_in_its_binary_or_its_library() -> None:
    binary = os.path.realpath(sys.executable)
    assert python_version(FOLDERS, binary, sys.base_prefix, LIBRARY) == platform.python_version().rstrip("+")


def test_a_binary_that_does_not_tell_leaves_the_short_version(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x7fELF")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("python", "empty", "gone"):
        assert python_version(FOLDERS, str(tmp_path / name), str(tmp_path), "python3.12") == "3.12"


def test_the_c_library_of_a_root() -> None:
    name, version = platform.libc_ver()
    assert glibc(FOLDERS, platform.machine()) == ((version, "") if name == "glibc" else ("", version))
