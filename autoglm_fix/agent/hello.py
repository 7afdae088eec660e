"""The agent's first answer: on which machine, as whom and with which Python it runs."""

from __future__ import annotations

import os
import platform
from typing import Any

from .context import Context
from .state import State


def hello(ctx: Context, state: State) -> dict[str, Any]:
    """Identity of the host: ``machine`` is its machine id, empty where it has none; ``pid`` the agent's."""
    machine = ""
    try:
        with open("/etc/machine-id", encoding="ascii") as source:
            machine = source.read().strip()
    except (OSError, ValueError):
        machine = ""
    return {
        "hostname": platform.node(),
        "machine": machine,
        "python": platform.python_version(),
        "pid": os.getppid(),
        "uid": os.geteuid(),
    }
