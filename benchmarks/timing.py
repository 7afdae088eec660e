"""Timing whole commands in turn, so that a machine whose speed drifts slows each of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True)
class Taken:
    """Seconds of one piece of work: by the clock, and of processors (its ended children's too)."""

    clock: float
    processors: float


def command(argv: Sequence[str], *, ok: Sequence[int] = (0,)) -> Work:
    """A command as work. Raises RuntimeError, with its output, where it exits otherwise than expected."""

    def work() -> None:
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode not in ok:
            raise RuntimeError(f"{argv[0]} exited with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")

    return work


def compare(contenders: Mapping[str, Work], *, runs: int = 7) -> dict[str, list[Taken]]:
    """What each run of each contender took, in turn after one warm-up each."""
    taken: dict[str, list[Taken]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, work in contenders.items():
            clock, processors = time.perf_counter(), _processors()
            work()
            if turn:
                taken[name].append(Taken(time.perf_counter() - clock, _processors() - processors))
    return taken


def show(title: str, taken: Mapping[str, list[Taken]], *, base: str | None = None) -> None:
    """Print minimum, median and maximum of each, the median of its processor time, and its median over ``base``'s."""
    print(f"\n{title}")
    medians = {name: statistics.median(each.clock for each in runs) for name, runs in taken.items()}
    for name, runs in taken.items():
        clock = [each.clock for each in runs]
        processors = statistics.median(each.processors for each in runs)
        ratio = f"  {medians[name] / medians[base]:6.2f} x {base}" if base else ""
        print(
            f"  {name:<32} {min(clock):7.3f} {medians[name]:7.3f} {max(clock):7.3f} s, cpu {processors:6.3f} s{ratio}"
        )


def _processors() -> float:
    """Seconds that this process and its ended children have kept a processor."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
