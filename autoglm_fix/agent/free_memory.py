"""How much memory a new process can take."""

from __future__ import annotations

from .kernel import text
from .usage import counters


def memory_available() -> int:
    """Bytes that a new process can take: what the host has, and what our control group leaves."""
    free = [counters("/proc/meminfo", " kB").get("MemAvailable:", 0) * 1024]
    for folder, limit, used, cache in (
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for line in text("/proc/self/cgroup").splitlines():
            place = folder + line.split(":", 2)[2]
            most, now = text(f"{place}/{limit}").strip(), text(f"{place}/{used}").strip()
            if now and most.isdigit():
                free.append(int(most) - int(now) + counters(f"{place}/memory.stat", "").get(cache, 0))
    return max(min(free), 0)
