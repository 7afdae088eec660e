"""What processes use and what the kernel did to them, from counters that never block."""

from __future__ import annotations

import os
from typing import Iterable


def session(leader: int) -> list[int]:
    """The processes of the session that ``leader`` leads."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and _stat(name)[3:4] == [str(leader)]:
            found.append(int(name))
    return found


def used_by_session(leader: int) -> tuple[int, ...]:
    """Sums over a session that move while it works; see ``used_by``."""
    return used_by(session(leader))


def used_by(pids: Iterable[int]) -> tuple[int, ...]:
    """Sums over processes that move while they work: ticks of processor time, pages, bytes read."""
    ticks = pages = read = 0
    for pid in pids:
        stat = _stat(str(pid))
        if len(stat) > 21:
            ticks += int(stat[11]) + int(stat[12])
            pages += int(stat[21])
        read += counters(f"/proc/{pid}/io", ":").get("read_bytes", 0)
    return ticks, pages, read


def is_over(pid: int) -> bool:
    """Whether a process has ended, if nobody has asked how yet."""
    return (_stat(str(pid))[:1] or ["X"])[0] in "ZX"


def oom_kills() -> dict[str, int]:
    """How often the kernel killed for memory so far: in our control group, and on the whole host."""
    found: dict[str, int] = {}
    for line in lines_of("/proc/self/cgroup"):
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


def _stat(pid: str) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` from the state on; none where the process is gone."""
    lines = lines_of(f"/proc/{pid}/stat")
    return lines[0].rpartition(")")[2].split() if lines else []


def counters(path: str, separator: str) -> dict[str, int]:
    """The lines of a file of the kernel's that are a name and a number."""
    found: dict[str, int] = {}
    for line in lines_of(path):
        words = line.replace(separator, " ", 1).split() if separator else line.split()
        if len(words) == 2 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found


def lines_of(path: str) -> list[str]:
    """The lines of a file of the kernel's; none where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read().splitlines()
    except OSError:
        return []
