"""Where a copy of the model has room beside what runs. Runs in the service's Python."""

from __future__ import annotations

from typing import Any

from ..free_memory import memory_available
from . import device


def place(torch: Any, evidence: dict[str, Any], weights: int, cpu_allowed: bool) -> str | None:
    """A device that has room and can compute, None where there is none.

    Puts into the evidence why a GPU was not taken: ``cuda["problem"]``, or ``short`` of memory.
    """
    cuda = evidence["cuda"]
    needed = int(weights * 1.05) + device.BESIDE_WEIGHTS
    if not cuda["problem"]:
        chosen = device.choose(cuda, needed)
        if chosen is None:
            evidence["short"] = {"of": "gpu", "free": max(each["free"] for each in cuda["devices"]), "needed": needed}
        else:
            cuda["problem"] = device.cannot_compute(torch, chosen)
            if not cuda["problem"]:
                return chosen
    if not cpu_allowed:
        return None
    free = memory_available()
    if free < needed:
        evidence["short"] = {"of": "host", "free": free, "needed": needed}
        return None
    return "cpu"
