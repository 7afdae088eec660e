"""Timing whole commands in turn, so that a machine whose speed drifts slows each of them alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

Work = Callable[[], object]


def command(argv: Sequence[str], *, ok: Sequence[int] = (0,)) -> Work:
    """A command as work. Raises RuntimeError, with its output, where it exits otherwise than expected."""

    def work() -> None:
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode not in ok:
            raise RuntimeError(f"{argv[0]} exited with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")

    return work


def compare(contenders: Mapping[str, Work], *, runs: int = 7) -> dict[str, list[float]]:
    """Seconds of each run of each contender, taken in turn after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, work in contenders.items():
            started = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def show(title: str, seconds: Mapping[str, list[float]], *, base: str | None = None) -> None:
    """Print minimum, median and maximum of each, and its median over that of ``base``."""
    print(f"\n{title}")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        ratio = f"  {median / statistics.median(seconds[base]):6.2f} x {base}" if base else ""
        print(f"  {name:<28} {min(taken):7.3f} {median:7.3f} {max(taken):7.3f} s{ratio}")
