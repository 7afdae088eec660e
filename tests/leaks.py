"""What a test may leave behind: threads, child processes and file descriptors, as this process holds them."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from dataclasses import dataclass

# What ends by itself after a test, such as a thread whose socket was closed, has so long.
PATIENCE_S = 20.0
# Opened once and kept: by coverage, and by libraries when they are first used.
LASTING = ("/dev/urandom", "/dev/random", "/dev/nvidia")
LASTING_NAMES = (".coverage",)
# Threads that a library starts once, for good.
LASTING_THREADS = ("TMonitor", "tqdm", "pytest_timeout", "execnet", "asyncio_")


@dataclass(frozen=True)
class Held:
    """What is there at one moment. ``descriptors``: each open one and what it leads to."""

    threads: frozenset[threading.Thread]
    children: frozenset[str]
    descriptors: frozenset[tuple[str, str]]


def held() -> Held:
    """What is there now; 0.1 ms."""
    return Held(frozenset(threading.enumerate()), _children(), _descriptors())


def left_since(before: Held) -> list[str]:
    """What has come since and stays, in words."""
    if not (found := _more(held(), before)):
        return []
    # An object that nobody can reach any more is not a leak: Python closes it whenever it looks.
    gc.collect()
    deadline = time.monotonic() + PATIENCE_S
    while (found := _more(held(), before)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def _more(now: Held, before: Held) -> list[str]:
    threads = [thread.name for thread in now.threads - before.threads if not thread.name.startswith(LASTING_THREADS)]
    processes = [_named(child) for child in now.children - before.children if not _of_python(child)]
    opened = [f"{number} -> {to}" for number, to in now.descriptors - before.descriptors if not _lasts(to)]
    return [
        f"{what} left: {', '.join(sorted(which))}"
        for what, which in (("threads", threads), ("child processes", processes), ("file descriptors", opened))
        if which
    ]


def _children() -> frozenset[str]:
    found: set[str] = set()
    for task in os.listdir("/proc/self/task"):
        # A thread may end between being listed and being read.
        with (
            contextlib.suppress(FileNotFoundError, ProcessLookupError),
            open(f"/proc/self/task/{task}/children", encoding="ascii") as source,
        ):
            found.update(source.read().split())
    return frozenset(found)


def _descriptors() -> frozenset[tuple[str, str]]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        # The listing's own is gone by now.
        with contextlib.suppress(FileNotFoundError):
            found.append((number, os.readlink(f"/proc/self/fd/{number}")))
    return frozenset(found)


def _lasts(target: str) -> bool:
    return target.startswith(LASTING) or os.path.basename(target).startswith(LASTING_NAMES)


def _named(pid: str) -> str:
    return f"{pid} ({_command(pid)})"


def _of_python(pid: str) -> bool:
    """Whether a child belongs to Python's own machinery rather than to a test, or has ended by now."""
    command = _command(pid)
    return command == "gone" or "resource_tracker" in command


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as source:
            return source.read().decode("utf-8", "replace").replace("\0", " ").strip() or "ended, and not waited for"
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
