"""What every test has: a state directory of its own, and nothing left running behind it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


def _children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end between being listed and being read.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found |= {child for child in (task / "children").read_text().split() if not _is_worker(child)}
    return found


def _is_worker(pid: str) -> bool:
    """Whether a child belongs to Python's own machinery rather than to a test."""
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """A test that leaks a thread or a child process fails."""
    threads, children = set(threading.enumerate()), _children()
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in threads and not thread.daemon]
    assert not left, f"threads left running: {left}"
    assert not _children() - children, "child processes left running"


@pytest.fixture(autouse=True)
def state_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directory of this test: journals, locks and records."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("AUTOGLM_FIX_STATE_DIR", str(folder))
    os.environ.pop("HF_ENDPOINT", None)
    return folder
