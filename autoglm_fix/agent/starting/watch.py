"""What the processes of a service use while one watches, and what they wait for where nothing moves."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any, Iterable

from .. import nvml
from ..context import Context
from ..definition.processes import alive, tree
from ..facts.start_up import Sample, StartUp
from ..kernel import stat
from .log import Log, log_of
from .stacks import stacks
from .waits import listening, waits

_EVERY_S = 0.5
_LEAST_S = 1.5
# Less than this is what idle programs do, too.
_MOVED = {"read": 1 << 16, "written": 1 << 16, "resident": 1 << 20, "gpu": 1 << 20, "log": 1}
_GPU_PATIENCE_S = 5.0
_COMPILERS = (
    "ptxas",
    "cicc",
    "nvcc",
    "cudafe++",
    "fatbinary",
    "gcc",
    "g++",
    "c++",
    "cc1",
    "cc1plus",
    "clang",
    "ninja",
    "ld",
)
# What scripts wait with for something else: that these come and go is no progress.
_IDLERS = ("sleep", "curl", "wget", "sh", "bash", "dash", "timeout", "date", "cat", "nc", "systemd-notify")
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def watched(ctx: Context, service: Any, watch: float, connects: bool) -> StartUp:
    """Samples until something moves, for ``watch`` seconds at most; then what is waited for, where nothing did."""
    main = service.running.pid
    log = log_of(ctx, service)
    said = log.lines()[0] if log.length() is None else []
    first, last, compilers = _sampled(ctx, service, log, watch)
    pids = last.pids
    if not pids:
        return StartUp("down")
    lines, logged = log.lines()
    if log.length() is None:
        # It is no file: whether it grows, only its lines tell.
        first, last = replace(first, log=0), replace(last, log=0 if lines == said else 1)
    still = not moved(first, last)
    seen = stacks(service, pids) if still else ([], "", "")
    shm = _shm(main)
    return StartUp(
        "looked",
        since=service.running.since,
        now=time.time(),
        samples=[first, last],
        waits=waits(ctx, service, [pid for pid in pids if alive(pid)]) if still else [],
        log=lines,
        logged=logged,
        output=log.lost,
        compilers=sorted(compilers),
        stacks=seen[0],
        stacked=seen[1],
        unstacked=seen[2],
        shm_total=shm[0],
        shm_free=shm[1],
        connects=connects,
        ports=listening(pids) if still else [],
    )


def _sampled(ctx: Context, service: Any, log: Log, watch: float) -> tuple[Sample, Sample, set[str]]:
    """The first and the last sample, and which compilers ran. No processes in the last one: the service is down."""
    gpus = os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/dxg")
    gpu = _gpu(service.running.pids) if gpus else None
    first: Sample | None = None
    compilers: set[str] = set()
    began = time.monotonic()
    while True:
        at = time.monotonic() - began
        everyone = tree(service.running.pid, *service.running.pids)
        pids = [pid for pid in everyone if _name(pid) not in _IDLERS] or everyone
        compilers |= {name for name in map(_name, pids) if name in _COMPILERS}
        last = _sample(at, pids, log, gpu if first is None else None)
        first = first or last
        if not pids or at >= watch or (at >= _LEAST_S and moved(first, last)):
            break
        ctx.progress("watching the service", int(at), int(watch) + 1, "s")
        time.sleep(_EVERY_S)
    return first, last if gpu is None or not pids else replace(last, gpu=_gpu(pids)), compilers


def moved(first: Sample, last: Sample) -> bool:
    """Whether more happened between two samples than an idle program does. Processor time alone says nothing."""
    for name, least in _MOVED.items():
        before, after = getattr(first, name), getattr(last, name)
        if before is not None and after is not None and abs(after - before) >= least:
            return True
    return sorted(first.pids) != sorted(last.pids)


def _sample(at: float, pids: list[int], log: Log, gpu: int | None) -> Sample:
    cpu = resident = 0
    read: int | None = 0
    written: int | None = 0
    for pid in pids:
        fields = stat(pid)
        if len(fields) > 21:
            cpu += int(fields[11]) + int(fields[12])
            resident += int(fields[21]) * _PAGE
        counted = _io(pid)
        if counted is None:
            read = written = None
        elif read is not None and written is not None:
            # What comes out of the page cache counts as read by a call alone.
            read += max(counted.get("read_bytes", 0), counted.get("rchar", 0))
            written += max(counted.get("write_bytes", 0), counted.get("wchar", 0))
    return Sample(at, cpu / _TICK, resident, pids, read, written, gpu, log.length())


def _io(pid: int) -> dict[str, int] | None:
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as source:
            return {name: int(value) for name, _, value in (line.partition(":") for line in source)}
    except PermissionError:
        return None
    except (OSError, ValueError):
        return {}


def _gpu(pids: Iterable[int]) -> int | None:
    """The GPU memory of these processes; of all that compute where the driver does not tell whose it is."""
    seen = nvml.snapshot(_GPU_PATIENCE_S)
    if "gpus" not in seen:
        return None
    ours = set(pids)
    held = [each for gpu in seen["gpus"] for each in gpu.get("processes", ()) if each["pid"] in ours]
    if held and all(each["used"] is not None for each in held):
        return sum(int(each["used"]) for each in held)
    return sum(int(gpu.get("used") or 0) for gpu in seen["gpus"])


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return ""


def _shm(pid: int) -> tuple[int | None, int | None]:
    try:
        found = os.statvfs(f"/proc/{pid}/root/dev/shm")
    except OSError:
        return None, None
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
