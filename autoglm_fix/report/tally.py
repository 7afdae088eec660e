"""How far the hosts of a run are: looked at, changed and proved, and how many of them did not end well so far."""

from __future__ import annotations

from collections.abc import Mapping

from autoglm_fix.engine.events import BatchStarted, Event, HostLookedAt, HostLost, HostSettled, PlansReady, RunStarted
from autoglm_fix.engine.results import HostStatus

from .words import Words

# A fleet: more hosts than these are counted, not told one by one.
FEW = 20
_GOOD = (HostStatus.VERIFIED, HostStatus.CLEAN, HostStatus.PENDING, HostStatus.NO_SERVICE)


class Tally:
    """Kept up to date by events; another thread may read it at any time."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self.hosts = 0
        self._looks = True
        self._done = 0
        self._of = 0
        self._lost: frozenset[str] = frozenset()
        self._settled: Mapping[HostStatus, int] = {}
        self._batch: BatchStarted | None = None

    def update(self, event: Event) -> None:
        """Take in an event; those that count nothing are ignored."""
        if isinstance(event, RunStarted):
            self.hosts = self._of = len(event.hosts)
        elif isinstance(event, HostLookedAt):
            if not self._looks:
                self._looks, self._done, self._of = True, 0, self.hosts - len(self._lost)
            self._done += 1
        elif isinstance(event, HostLost):
            self._lost |= {event.host}
        elif isinstance(event, PlansReady):
            alive = sum(plan.host not in self._lost for plan in event.plans)
            self._looks, self._done, self._of, self._batch = False, 0, alive, None
        elif isinstance(event, BatchStarted):
            self._batch = event
        elif isinstance(event, HostSettled):
            self._done += 1
            self._settled = {**self._settled, event.status: self._settled.get(event.status, 0) + 1}

    @property
    def is_fleet(self) -> bool:
        """Whether the hosts are too many to be told of one by one."""
        return self.hosts > FEW

    @property
    def tenth(self) -> bool:
        """Whether with the host that was just counted another tenth of them is done."""
        return self._of > 0 and self._done * 10 // self._of > (self._done - 1) * 10 // self._of

    def text(self) -> str:
        """``80 of 800 hosts looked at, 3 lost``; ``batch 2 of 5: 96 of 800 hosts done, 2 failed``."""
        words = self._words
        said = words.say("report.looked-of" if self._looks else "report.done-of", done=self._done, total=self._of)
        if self._batch is not None and self._batch.of > 1 and not self._looks:
            batch = words.say("report.batch", number=self._batch.number, of=self._batch.of)
            said = f"{batch}{words.colon}{said}"
        bad = {status: count for status, count in self._settled.items() if status not in _GOOD}
        counted = [words.say("report.of-status", n=count, status=self._brief(status)) for status, count in bad.items()]
        lost = len(self._lost) - bad.get(HostStatus.UNREACHABLE, 0)
        if lost > 0 and self._looks:
            counted = [words.say("report.of-lost", n=lost), *counted]
        return words.joined([said, *counted])

    def _brief(self, status: HostStatus) -> str:
        return self._words.name("status", status.value).partition(self._words.colon)[0]
