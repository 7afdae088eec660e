"""What a command takes: by the clock, of processors, of memory, and of the wire."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import wire
from .contenders import Contender


@dataclass(frozen=True)
class Taken:
    """One run: seconds by the clock and of processors (ended children's too), bytes of memory, bytes sent.

    ``sent`` is None where the hosts are near: nothing counts there.
    """

    clock: float
    processors: float
    memory: int
    sent: int | None


def measured(contender: Contender) -> Taken:
    """Run it once. Raises RuntimeError with its last words where it fails."""
    sent = _sent()
    started = time.perf_counter()
    process = subprocess.Popen(
        contender.argv,
        env={**os.environ, **contender.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        said = process.stdout.read() if process.stdout is not None else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    clock = time.perf_counter() - started
    # A dry run of a model that is none ends with 2: what was looked at is what counts.
    if process.returncode not in (0, *((2,) if not contender.changes else ())):
        last = said.decode("utf-8", "replace")[-2000:]
        raise RuntimeError(f"{contender.name} ended with {process.returncode}:\n{last}")
    after = _sent()
    spent = None if sent is None or after is None else after - sent
    return Taken(clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, spent)


def _sent() -> int | None:
    counter = Path(f"/sys/class/net/{wire.DEVICE}/statistics/tx_bytes")
    return int(counter.read_text()) if counter.exists() else None
