"""All hosts of a run: everybody is looked at first, then changes are made batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from .batches import batches
from .breaker import Breaker, Failure, Limits, failure_of
from .crew import Crew
from .events import BatchStarted, HostLookedAt, HostSettled, PlansReady
from .host import HostWalk
from .results import Fault, HostStatus
from .surroundings import Surroundings
from .target import spread

__all__ = ["Approve", "Fleet", "Limits"]

Approve = Callable[[PlansReady], bool]


@dataclass
class Fleet:
    """The hosts of a run, as many of them at a time as the crew works on.

    ``asking`` is entered while a person is asked. ``over`` says why nothing more is done in this run, ``left`` are the
    hosts that nobody waits for any more though something goes on there.
    """

    walks: Sequence[HostWalk]
    around: Surroundings
    approve: Approve
    crew: Crew
    plays: Sequence[Limits]
    asking: Callable[[], AbstractContextManager[None]]
    over: Fault | None = None
    left: set[HostWalk] = field(default_factory=set)
    _out: set[HostWalk] = field(default_factory=set)

    def carry_out(self) -> None:
        """All plays, in order. A host that fails in one takes no part in the next, and the breaker ends them all."""
        for number, limits in enumerate(self.plays):
            if self.around.stop.is_set():
                return
            if self.over is not None:
                self._leave([walk for walk in self.walks if self._takes_part(walk, number)], self.over)
                continue
            self.around.gates.limit(limits.max_unavailable, limits.max_loading)
            taking_part = [walk for walk in self.walks if self._takes_part(walk, number)]
            self._play(number, limits, taking_part)
            if number + 1 < len(self.plays):
                self._out.update(walk for walk in taking_part if _failure(walk) is not None)

    def _play(self, number: int, limits: Limits, walks: Sequence[HostWalk]) -> None:
        """Look, ask, change, prove, and look deeper once."""
        breaker = Breaker(limits)
        self._look(number, walks, breaker)
        looked_at = [walk for walk in walks if walk.current]
        ready = _ready(looked_at, limits)
        self.around.emit(ready)
        if self.around.stop.is_set():
            return
        self.over = breaker.why
        if self.around.dry_run:
            return
        changing = [walk for walk in looked_at if walk.has_changes]
        if breaker.why is not None:
            self._leave(changing, breaker.why)
        elif changing and not self._agreed(ready):
            return
        begun = self._change(number, [walk for walk in looked_at if walk.able], limits, breaker)
        self.over = breaker.why
        # Where too many have failed no other host begins, but those that were changed are helped to the end.
        self._deeper(number, looked_at if breaker.why is None else begun, limits)

    def _look(self, number: int, walks: Sequence[HostWalk], breaker: Breaker) -> None:
        """Look at everybody, freely."""
        ordered = spread(walks, self.crew.forks)
        left: list[HostWalk] = []
        breaker.look_at([walk.target.name for walk in ordered], self.crew.forks)

        def look(walk: HostWalk) -> None:
            walk.look(number)
            self.around.emit(HostLookedAt(walk.target.name))
            for script in walk.target.plays[number] if walk.trouble is not None else ():
                script.is_lost()
            if self.around.dry_run and self._is_last(walk, number) and not _shares(walk, number):
                walk.hang_up()

        def may_start(walk: HostWalk) -> bool:
            if breaker.why is not None:
                left.append(walk)
            return breaker.why is None

        def ended(walk: HostWalk) -> None:
            breaker.looked_at(walk.target.name, _failure(walk))

        self._each(ordered, look, may_start, ended)
        self._leave(left, breaker.why)
        for walk in walks:
            # Who did for all what is done once was lost, after the others had left it out.
            if _shares(walk, number, unclaimed=True) and walk.able and walk.current:
                self._each([walk], HostWalk.look_anew)

    def _change(self, number: int, walks: Sequence[HostWalk], limits: Limits, breaker: Breaker) -> Sequence[HostWalk]:
        """Change and prove batch by batch; hosts that nothing is changed on are proved beside the last batch.

        Returns those on which changes were begun.
        """
        changing = [walk for walk in walks if walk.has_changes]
        batch_by_batch = _Changing(self.around, breaker, limits.on_failure, set(changing))
        others = [walk for walk in walks if walk not in batch_by_batch.hosts]
        begun = batch_by_batch.begun

        def work(walk: HostWalk) -> None:
            batch_by_batch.work(walk)
            self.around.emit(HostSettled(walk.target.name, walk.result().status))
            if self._is_last(walk, number) and not walk.asks_for_more:
                walk.hang_up()

        plans = {walk: walk.plan.kind for walk in changing}
        cut = batches(changing, limits.serial, plans.__getitem__)
        first = cut[0] if cut else []
        for count, whole in enumerate(cut, 1):
            batch = [walk for walk in whole if walk.able]
            if batch and breaker.why is None:
                names = tuple(walk.target.name for walk in batch)
                self.around.emit(BatchStarted(count, len(cut), names))
                breaker.change(names)
                batch_by_batch.together = frozenset(batch[: self.crew.forks])
                at_once = [*batch, *(others if whole is cut[-1] else ())]
                self._each(at_once, work, batch_by_batch.may_start)
            if whole is first and breaker.why is None and not self.around.stop.is_set():
                self._spare(changing, plans, begun)
        self._leave([walk for walk in changing if walk not in begun or walk.halted], breaker.why)
        self._each([walk for walk in others if walk not in begun], work)
        return [walk for walk in changing if walk in begun and not walk.halted]

    def _spare(
        self, changing: Sequence[HostWalk], plans: Mapping[HostWalk, Hashable], tried: Collection[HostWalk]
    ) -> None:
        """Leave those whose plan was tried in the first batch, and helped none of the hosts that it was tried on."""
        outcomes: dict[Hashable, list[HostWalk]] = {}
        for walk in changing:
            if walk in tried and walk.tells_of_its_plan:
                outcomes.setdefault(plans[walk], []).append(walk)
        for plan, canaries in outcomes.items():
            if all(_failure(walk) is not None for walk in canaries):
                why = Fault("run.untouched-canary", {"host": canaries[0].target.name})
                self._leave([walk for walk in changing if walk not in tried and plans[walk] == plan], why)

    def _deeper(self, number: int, walks: Sequence[HostWalk], limits: Limits) -> None:
        """The second look, once: where a proof failed and a diagnostic has more to look at."""
        looked: set[HostWalk] = set()

        def look(walk: HostWalk) -> None:
            if walk.look_deeper():
                looked.add(walk)

        self._each([walk for walk in walks if walk.able and walk.asks_for_more], look)
        if not looked or self.around.stop.is_set():
            return
        again = [walk for walk in walks if walk in looked]
        ready = _ready(again, limits, deeper=True)
        self.around.emit(ready)
        changing = [walk for walk in again if walk.has_changes]
        if changing and self._agreed(ready):
            breaker = Breaker(limits)
            self._change(number, changing, limits, breaker)
            self.over = self.over or breaker.why

    def _each(
        self,
        walks: Sequence[HostWalk],
        work: Callable[[HostWalk], None],
        may_start: Callable[[HostWalk], bool] = lambda _walk: True,
        ended: Callable[[HostWalk], None] = lambda _walk: None,
    ) -> None:
        for walk in self.crew.each(walks, work, may_start, ended):
            walk.abandon()
            self.left.add(walk)

    def _agreed(self, ready: PlansReady) -> bool:
        with self.asking():
            return self.approve(ready)

    def _takes_part(self, walk: HostWalk, number: int) -> bool:
        return walk.trouble is None and walk not in self._out and bool(walk.target.plays[number])

    def _is_last(self, walk: HostWalk, number: int) -> bool:
        return not any(walk.target.plays[number + 1 :])

    def _leave(self, walks: Iterable[HostWalk], why: Fault | None) -> None:
        """These are not begun any more. What was changed already is not untouched: more was to come there."""
        for walk in walks if why is not None else ():
            if walk.trouble is None and not any(each.changed for each in walk.walks):
                walk.trouble, walk.error = HostStatus.UNTOUCHED, why
            elif _failure(walk) is None:
                walk.trouble, walk.error = HostStatus.INTERRUPTED, Fault("run.left-out")


@dataclass
class _Changing:
    """What becomes of hosts when their turn comes: these are changed, until too many have failed; others are proved.

    ``together`` are those that a batch begins with, however soon the first of them fails.
    """

    around: Surroundings
    breaker: Breaker
    on_failure: str
    hosts: set[HostWalk]
    begun: set[HostWalk] = field(default_factory=set)
    together: frozenset[HostWalk] = frozenset()
    _counted: set[HostWalk] = field(default_factory=set)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.around.halted.clear()

    def may_start(self, walk: HostWalk) -> bool:
        if walk in self.hosts and walk not in self.together and self.breaker.why is not None:
            return False
        self.begun.add(walk)
        return True

    def work(self, walk: HostWalk) -> None:
        if walk in self.hosts:
            walk.change_and_prove(self.on_failure, lambda: self._failed(walk))
            self._count(walk, _failure(walk))
        else:
            walk.prove()

    def _failed(self, walk: HostWalk) -> None:
        """Count a host that has failed before others get what they wait for: they might begin in its place."""
        failure = _failure(walk)
        if failure is not None:
            self._count(walk, failure)

    def _count(self, walk: HostWalk, failure: Failure | None) -> None:
        with self._one:
            if walk.halted or walk in self._counted:
                return
            self._counted.add(walk)
            self.breaker.changed(walk.target.name, failure)
            if self.breaker.why is not None:
                self.around.halted.set()


def _ready(walks: Sequence[HostWalk], limits: Limits, *, deeper: bool = False) -> PlansReady:
    """What would be done, and in which order."""
    plans = tuple(walk.rest_of_plan if deeper else walk.plan for walk in walks)
    cut = batches([walk for walk in walks if walk.has_changes], limits.serial, lambda walk: walk.plan.kind)
    names = tuple(tuple(walk.target.name for walk in batch) for batch in cut)
    return PlansReady(plans, deeper, names, limits.max_unavailable)


def _failure(walk: HostWalk) -> Failure | None:
    return failure_of(walk.result(), walk.behind)


def _shares(walk: HostWalk, number: int, *, unclaimed: bool = False) -> bool:
    """Whether one host does steps of this play for all; ``unclaimed``: and none has done them."""
    return any(script.is_unclaimed if unclaimed else script.is_shared for script in walk.target.plays[number])
