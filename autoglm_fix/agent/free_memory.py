"""How much memory a new process can take."""

from __future__ import annotations

from .usage import counters, lines_of


def memory_available() -> int:
    """Bytes that a new process can take: what the host has, and what our control group leaves."""
    free = [counters("/proc/meminfo", " kB").get("MemAvailable:", 0) * 1024]
    for folder, limit, used, cache in (
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for line in lines_of("/proc/self/cgroup"):
            place = folder + line.split(":", 2)[2]
            most, now = lines_of(f"{place}/{limit}"), lines_of(f"{place}/{used}")
            if most and now and most[0].isdigit():
                free.append(int(most[0]) - int(now[0]) + counters(f"{place}/memory.stat", "").get(cache, 0))
    return max(min(free), 0)
