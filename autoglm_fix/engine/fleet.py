"""All hosts of a run: everybody is looked at first, then changes are made batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from .events import PlansReady
from .host import HostWalk, Surroundings
from .results import HostStatus

Approve = Callable[[PlansReady], bool]


@dataclass(frozen=True)
class Limits:
    """What a play says about order and failure. ``serial`` entries are counts or percentages."""

    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float = 100.0
    any_errors_fatal: bool = False
    on_failure: str = "keep"


@dataclass
class Fleet:
    """The hosts of a run, ``forks`` of them at a time."""

    walks: Sequence[HostWalk]
    around: Surroundings
    approve: Approve
    forks: int = 50

    def play(self, number: int, limits: Limits) -> None:
        """Carry out one play on every host: look, ask, change, prove, and look deeper once."""
        self._each(self.walks, lambda walk: walk.look(number))
        taking_part = [walk for walk in self.walks if walk.current]
        ready = PlansReady(tuple(walk.plan for walk in taking_part))
        self.around.emit(ready)
        if self.around.dry_run or self.around.stop.is_set():
            return
        changing = [walk for walk in taking_part if walk.has_changes]
        if changing and not self.approve(ready):
            return
        self._each([walk for walk in taking_part if walk not in changing], HostWalk.prove)
        self._change(changing, limits)
        self._deeper(taking_part, limits)

    def _deeper(self, walks: Sequence[HostWalk], limits: Limits) -> None:
        """The second look, once: where a proof failed and a diagnostic has more to look at."""
        if self.around.stop.is_set():
            return
        looked = [walk for walk in walks if walk.able and walk.look_deeper()]
        if not looked:
            return
        ready = PlansReady(tuple(walk.rest_of_plan for walk in looked), deeper=True)
        self.around.emit(ready)
        changing = [walk for walk in looked if walk.has_changes]
        if changing and self.approve(ready):
            self._change(changing, limits)

    def _change(self, changing: Sequence[HostWalk], limits: Limits) -> None:
        failed = 0
        for batch in batches(_one_of_each_plan_first(changing), limits.serial):
            if self.around.stop.is_set():
                return
            if _too_many(failed, len(changing), limits):
                for walk in batch:
                    walk.trouble = HostStatus.UNTOUCHED
                continue
            self._each(batch, lambda walk: walk.change_and_prove(limits.on_failure))
            failed += sum(walk.failed for walk in batch)

    def _each(self, walks: Iterable[HostWalk], work: Callable[[HostWalk], None]) -> None:
        """Run something on every host. Ctrl-C sets the stop flag; each host then ends in order."""
        with ThreadPoolExecutor(self.forks) as pool:
            running = [pool.submit(work, walk) for walk in walks]
            while running:
                try:
                    wait(running)
                    break
                except KeyboardInterrupt:
                    self.around.stop.set()
        for done in running:
            done.result()


def batches(walks: Sequence[HostWalk], serial: Sequence[int | str]) -> list[Sequence[HostWalk]]:
    """Cut hosts into batches; the last size repeats. No ``serial``: one batch."""
    if not serial:
        return [walks] if walks else []
    sizes = [_size(entry, len(walks)) for entry in serial]
    cut: list[Sequence[HostWalk]] = []
    at = 0
    while at < len(walks):
        size = sizes[min(len(cut), len(sizes) - 1)]
        cut.append(walks[at : at + size])
        at += size
    return cut


def _size(entry: int | str, total: int) -> int:
    if isinstance(entry, int):
        return max(entry, 1)
    return max(math.floor(total * float(entry.rstrip("%")) / 100), 1)


def _one_of_each_plan_first(walks: Sequence[HostWalk]) -> list[HostWalk]:
    """The same hosts, one of every distinct plan in front: the canaries."""
    seen: set[tuple[str, ...]] = set()
    first: list[HostWalk] = []
    rest: list[HostWalk] = []
    for walk in walks:
        plan = tuple(finding.code for step in walk.plan.steps for finding in step.findings)
        (rest if plan in seen else first).append(walk)
        seen.add(plan)
    return first + rest


def _too_many(failed: int, total: int, limits: Limits) -> bool:
    if limits.any_errors_fatal and failed:
        return True
    return failed * 100 > limits.max_fail_percentage * total
