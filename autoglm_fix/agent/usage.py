"""What processes use and what the kernel did to them, from counters that never block."""

from __future__ import annotations

import os
from typing import Iterable

from .kernel import stat, text


def session(leader: int) -> list[int]:
    """The processes of the session that ``leader`` leads."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and stat(int(name))[3:4] == [str(leader)]:
            found.append(int(name))
    return found


def used_by_session(leader: int) -> tuple[int, ...]:
    """Sums over a session that move while it works; see ``used_by``."""
    return used_by(session(leader))


def used_by(pids: Iterable[int]) -> tuple[int, ...]:
    """Sums over processes that move while they work: ticks of processor time, pages, bytes read."""
    ticks = pages = read = 0
    for pid in pids:
        fields = stat(pid)
        if len(fields) > 21:
            ticks += int(fields[11]) + int(fields[12])
            pages += int(fields[21])
        read += counters(f"/proc/{pid}/io", ":").get("read_bytes", 0)
    return ticks, pages, read


def is_over(pid: int) -> bool:
    """Whether a process has ended, if nobody has asked how yet."""
    return (stat(pid)[:1] or ["X"])[0] in "ZX"


def oom_kills() -> dict[str, int]:
    """How often the kernel killed for memory so far: in our control group, and on the whole host."""
    found: dict[str, int] = {}
    for line in text("/proc/self/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        for file in (
            f"/sys/fs/cgroup{path}/memory.events",
            "/sys/fs/cgroup/memory.events",
            f"/sys/fs/cgroup/memory{path}/memory.oom_control",
            "/sys/fs/cgroup/memory/memory.oom_control",
        ):
            counted = counters(file, "")
            if controllers in ("", "memory") and "oom_kill" in counted:
                found.setdefault("its control group", counted["oom_kill"])
    counted = counters("/proc/vmstat", "")
    if "oom_kill" in counted:
        found["the host"] = counted["oom_kill"]
    return found


def counters(path: str, separator: str) -> dict[str, int]:
    """The lines of a file of the kernel's that are a name and a number."""
    found: dict[str, int] = {}
    for line in text(path).splitlines():
        words = line.replace(separator, " ", 1).split() if separator else line.split()
        if len(words) == 2 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found
