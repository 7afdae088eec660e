"""Which module knows which manager: imported where it is asked for, so that only that one travels."""

from __future__ import annotations

from typing import Any


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
