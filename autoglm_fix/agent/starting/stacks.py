"""What a process that does not move is doing, twice: by py-spy where it is at hand, else by the kernel."""

from __future__ import annotations

import os
import shutil
import stat
import time
from typing import Any, Iterator

from ..definition.commands import run
from ..definition.processes import argvs, end_of
from ..kernel import stat as state
from ..unknown import CannotTell

_APART_S = 2.0
_PATIENCE_S = 10.0
_FRAMES = 12
# Helpers of multiprocessing: they wait all their life.
_HELPERS = ("resource_tracker", "forkserver")


def stacks(service: Any, pids: list[int]) -> tuple[list[list[str]], str, str]:
    """Two stacks, whose they are, and why there are none. Nothing is stopped for it."""
    known = argvs(pids)
    pythons = [pid for pid in pids if os.path.basename(end_of(f"/proc/{pid}/exe") or "").startswith("python")]
    working = [pid for pid in pythons if not any(each in " ".join(known.get(pid, [])) for each in _HELPERS)]
    # Who started the others waits for them: the last one is stuck itself.
    chosen = (working or pythons or pids)[-1]
    hidden = end_of(f"/proc/{chosen}/exe") is None
    no_python = "it may not be looked at" if hidden else "it is no Python program"
    spy, why = trusted(_places(service)) if pythons else ("", no_python)
    found: list[list[str]] = []
    if state(chosen)[:1] == ["D"]:
        spy, why = "", "the kernel does not let it go"  # whoever reads its memory may hang with it
    for turn in range(2):
        if turn:
            time.sleep(_APART_S)
        frames, problem = _dump(spy, chosen) if spy else ([], why)
        frames = frames or _kernel(chosen)
        why = problem
        if frames:
            found.append(frames)
    name = " ".join(known.get(chosen, []))[:120]
    return found, f"{chosen} ({name})" if name else str(chosen), "" if found else why


def trusted(places: list[str]) -> tuple[str, str]:
    """The first of these that is a program, and that nobody else could have put there; why there is none."""
    there = [path for path in map(os.path.realpath, places) if os.path.isfile(path)]
    for path in there:
        if _is_program(path) and all(map(_is_ours_alone, _with_parents(path))):
            return path, ""
    return "", f"{there[0]} is a script, or others may write there" if there else "py-spy is not on this host"


def _is_program(path: str) -> bool:
    """Whether it runs by itself: a script runs an interpreter, with whatever lies in the service's environment."""
    try:
        with open(path, "rb") as source:
            return source.read(4) == b"\x7fELF"
    except OSError:
        return False


def _is_ours_alone(path: str) -> bool:
    """Whether nobody but root, or who we are, can put something else there."""
    try:
        seen = os.stat(path)
    except OSError:
        return False
    return seen.st_uid in (0, os.geteuid()) and not seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _with_parents(path: str) -> Iterator[str]:
    """A path, and all folders above it."""
    yield path
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        yield path


def _places(service: Any) -> list[str]:
    argv = service.running.argv[:1] + ((service.defined.argv or []) if service.defined else [])[:1]
    folders = [os.path.dirname(path) for path in argv if path.startswith("/")]
    folders += [os.path.dirname(service.running.python)] if service.running.python else []
    at_hand = shutil.which("py-spy")
    return [*([at_hand] if at_hand else []), *(os.path.join(folder, "py-spy") for folder in folders)]


def _dump(spy: str, pid: int) -> tuple[list[str], str]:
    """The calls of the main thread, the innermost first."""
    try:
        status, out, err = run(spy, "dump", "--nonblocking", "--pid", str(pid), patience_s=_PATIENCE_S)
    except CannotTell as problem:
        return [], str(problem)
    if status:
        return [], (err.strip().splitlines() or ["py-spy failed"])[-1][:200]
    threads: list[list[str]] = []
    main = 0
    for line in out.splitlines():
        if line.startswith("Thread "):
            main = len(threads) if "MainThread" in line else main
            threads.append([])
        elif threads and line.startswith("    ") and line.strip():
            threads[-1].append(line.strip())
    return threads[main][:_FRAMES] if threads else [], ""


def _kernel(pid: int) -> list[str]:
    """Where the kernel keeps it."""
    for name in ("stack", "wchan"):
        try:
            with open(f"/proc/{pid}/{name}", encoding="ascii", errors="replace") as source:
                lines = [line.strip() for line in source.read().splitlines()]
        except OSError:
            continue
        frames = [line.partition("] ")[2] or line for line in lines if line not in ("", "0")]
        if frames:
            return frames[:_FRAMES]
    return []
