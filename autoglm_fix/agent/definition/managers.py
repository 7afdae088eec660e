"""Which module knows which manager: imported where it is asked for, so that only that one travels."""

from __future__ import annotations

from typing import Any

_PACKAGE = __name__.rpartition(".")[0]
# What a healthy service of each manager is looked at with, beside its module.
NEEDED = {
    "systemd": ("systemd",),
    "supervisor": ("supervisor", "supervisor_rpc"),
    "docker": ("containers",),
    "compose": ("containers",),
    "command": ("by_hand",),
    "none": ("by_hand",),
}


def modules(manager: str) -> list[str]:
    """The modules, by full name, that the fact about a service of that manager takes to a host."""
    return [f"{_PACKAGE}.{name}" for name in ("live", "completion", *NEEDED[manager])]


def of(manager: str) -> Any:
    """The module of a manager."""
    if manager == "systemd":
        from . import systemd

        return systemd
    if manager == "supervisor":
        from . import supervisor

        return supervisor
    if manager in ("docker", "compose"):
        from . import containers

        return containers
    from . import by_hand

    return by_hand
