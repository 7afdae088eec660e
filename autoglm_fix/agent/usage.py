"""What processes use and what the kernel did to them, from counters that never block."""

from __future__ import annotations

import os


def session(leader: int) -> list[int]:
    """The processes of the session that ``leader`` leads."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and _stat(name)[3:4] == [str(leader)]:
            found.append(int(name))
    return found


def used_by_session(leader: int) -> tuple[int, ...]:
    """Sums over a session that move while it works: ticks of processor time, pages, bytes read."""
    ticks = pages = read = 0
    for pid in session(leader):
        stat = _stat(str(pid))
        if len(stat) > 21:
            ticks += int(stat[11]) + int(stat[12])
            pages += int(stat[21])
        read += _counters(f"/proc/{pid}/io", ":").get("read_bytes", 0)
    return ticks, pages, read


def oom_kills() -> dict[str, int]:
    """How often the kernel killed for memory so far: in our control group, and on the whole host."""
    found: dict[str, int] = {}
    for line in _lines("/proc/self/cgroup"):
        _number, controllers, path = line.split(":", 2)
        for file in (
            f"/sys/fs/cgroup{path}/memory.events",
            "/sys/fs/cgroup/memory.events",
            f"/sys/fs/cgroup/memory{path}/memory.oom_control",
            "/sys/fs/cgroup/memory/memory.oom_control",
        ):
            counters = _counters(file, "")
            if controllers in ("", "memory") and "oom_kill" in counters:
                found.setdefault("its control group", counters["oom_kill"])
    counters = _counters("/proc/vmstat", "")
    if "oom_kill" in counters:
        found["the host"] = counters["oom_kill"]
    return found


def memory_available() -> int:
    """Bytes that a new process can take: what the host has, and what our control group leaves."""
    free = [_counters("/proc/meminfo", " kB").get("MemAvailable:", 0) * 1024]
    for folder, limit, used, cache in (
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for line in _lines("/proc/self/cgroup"):
            place = folder + line.split(":", 2)[2]
            most, now = _lines(f"{place}/{limit}"), _lines(f"{place}/{used}")
            if most and now and most[0].isdigit():
                free.append(int(most[0]) - int(now[0]) + _counters(f"{place}/memory.stat", "").get(cache, 0))
    return max(min(free), 0)


def _stat(pid: str) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` from the state on; none where the process is gone."""
    lines = _lines(f"/proc/{pid}/stat")
    return lines[0].rpartition(")")[2].split() if lines else []


def _counters(path: str, separator: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in _lines(path):
        words = line.replace(separator, " ", 1).split() if separator else line.split()
        if len(words) == 2 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read().splitlines()
    except OSError:
        return []
