"""A fact that answers as hosts do at their worst; it travels to the agent, so it imports nothing of the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    content: str
    reads: list[str]

    @classmethod
    def collect(cls, ctx: Any, *, what: str, size: int = 0) -> Answer:
        if what == "large":
            return cls(os.urandom(size // 2).hex(), [])
        if what == "noise":
            for _ in range(size // 65536):
                for stream in (1, 2):
                    os.write(stream, b"noise on a stream\n" * 3641)
        if what == "events":
            for number in range(size):
                ctx.log(f"line {number}")
        if what == "hang":
            below = subprocess.Popen(["sleep", "600"])
            ctx.log(f"{os.getpid()} {below.pid}")
            time.sleep(600)
        if what == "kill the agent":
            os.kill(os.getppid(), signal.SIGKILL)
        return cls(what, [])
