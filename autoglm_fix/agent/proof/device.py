"""What the service's own torch can do with a GPU, and which one has room. Runs in the service's Python."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

# CUDA's context, the workspace of its libraries, activations and a short KV cache.
BESIDE_WEIGHTS = 1 << 30


def look(torch: Any, free: dict[str, int]) -> dict[str, Any]:
    """The build, the devices, and ``problem`` (code, words) where none can be used.

    A device has ``name``, ``uuid``, ``capability``, ``total`` and ``free`` in bytes. ``free`` holds what the
    driver said, by uuid: to ask torch would take half a gigabyte of each GPU for a context there.
    """
    found: dict[str, Any] = {
        "build": torch.version.cuda or getattr(torch.version, "hip", None),
        "architectures": list(torch.cuda.get_arch_list()) if torch.version.cuda else [],
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "devices": [],
        "problem": None,
    }
    if not found["build"]:
        found["problem"] = ["cpu-build", f"torch {torch.__version__} is a build for the CPU"]
    elif not torch.cuda.is_available():
        code = "hidden" if found["visible"] in ("", "-1") else "no-driver"
        found["problem"] = [code, _why_not(torch)]
    else:
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            uuid = str(getattr(about, "uuid", ""))
            uuid = uuid if not uuid or uuid.startswith(("GPU-", "MIG-")) else "GPU-" + uuid
            found["devices"].append(
                {
                    "name": about.name,
                    "uuid": uuid,
                    "capability": f"{about.major}.{about.minor}",
                    "total": about.total_memory,
                    "free": free[uuid] if uuid in free else _free(torch, index),
                }
            )
    return found


def choose(cuda: dict[str, Any], needed: int) -> str | None:
    """``cuda:N`` of the GPU with the most room, ``auto`` for several together, None where it does not fit."""
    free = [device["free"] for device in cuda["devices"]]
    if not free:
        return None
    if max(free) >= needed:
        return f"cuda:{free.index(max(free))}"
    together = sum(max(each - BESIDE_WEIGHTS, 0) for each in free)
    if len(free) > 1 and together >= needed and importlib.util.find_spec("accelerate"):
        return "auto"
    return None


def cannot_compute(torch: Any, device: str) -> list[str] | None:
    """Multiply two matrices there and compare with the CPU: what is wrong (code, words), or None."""
    there = "cuda:0" if device == "auto" else device
    left, right = torch.randn(256, 256), torch.randn(256, 256)
    try:
        made = (left.to(there) @ right.to(there)).cpu()
    except RuntimeError as err:
        return ["kernel", str(err).splitlines()[0]]
    wrong = float((made - left @ right).abs().max())
    return None if wrong < 1.0 else ["kernel", f"a product of matrices on {there} is off by {wrong}"]


def memory(torch: Any, devices: list[str]) -> dict[str, Any]:
    """By device: what torch allocated, its peak, and what the driver has free, in bytes."""
    found = {}
    for device in devices:
        free, total = torch.cuda.mem_get_info(device)
        found[device] = {
            "allocated": torch.cuda.memory_allocated(device),
            "peak": torch.cuda.max_memory_allocated(device),
            "free": free,
            "total": total,
        }
    return found


def _free(torch: Any, index: int) -> int:
    try:
        return int(torch.cuda.mem_get_info(index)[0])
    except RuntimeError:  # not even room to ask
        return 0


def _why_not(torch: Any) -> str:
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as err:
        return str(err).splitlines()[0]
    return "torch finds no GPU"
