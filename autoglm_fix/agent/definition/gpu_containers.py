"""Processes of containers that use a GPU: what `systemctl daemon-reload` can take the devices from.

The NVIDIA container runtime gives devices behind systemd's back; a reload lets systemd apply its own
rules again (NVIDIA/nvidia-container-toolkit issues 48 and 1227, read 2026-11-22).
"""

from __future__ import annotations

import os

from .processes import everyone

_ENGINES = ("docker", "libpod", "containerd", "crio", "kubepods", "machine.slice")


def gpu_containers() -> list[str]:
    """Each such process as "PID (name)"."""
    return [f"{pid} ({_text(pid, 'comm').strip()})" for pid in everyone() if _is_contained(pid) and _holds_a_gpu(pid)]


def _is_contained(pid: int) -> bool:
    group = _text(pid, "cgroup")
    return any(engine in group for engine in _ENGINES)


def _holds_a_gpu(pid: int) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except PermissionError:
        return os.path.exists("/dev/nvidiactl")  # it may
    except OSError:
        return False
    for name in names:
        try:
            if os.readlink(os.path.join(folder, name)).startswith("/dev/nvidia"):
                return True
        except OSError:
            continue
    return False


def _text(pid: int, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return ""
