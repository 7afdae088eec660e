"""Becomes the service's user in its folder, then its Python.

This source is executed by the agent's own Python in a fresh process: between fork and exec nothing
of the service's (its ``LD_PRELOAD``, its ``.pth`` files) must run with the agent's rights.
"""

from __future__ import annotations

import json
import os
from typing import Any


def main(wire: dict[str, Any]) -> None:
    """Execute ``wire["argv"]``; where that fails, answer why on the descriptor for answers."""
    step = "become the user of the service"
    try:
        with open("/proc/self/oom_score_adj", "w") as out:
            out.write("1000")  # short of memory, the kernel shall take this copy and not the service
        if wire["uid"] is not None:
            os.setgroups(wire["groups"])
            os.setgid(wire["gid"])
            os.setuid(wire["uid"])
        step = "enter its folder " + wire["folder"]
        os.chdir(wire["folder"])
        step = "start " + wire["argv"][0]
        os.execve(wire["argv"][0], wire["argv"], wire["environment"])
    except OSError as err:
        os.write(wire["answers"], json.dumps({"launch": [step, err.strerror]}).encode() + b"\n")
        os._exit(127)
