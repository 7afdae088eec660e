"""One host at the gates: what it takes before it changes anything, and what it gives back when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .events import Doing
from .gates import Replica, group_of
from .holding import others_are_out
from .surroundings import Surroundings
from .walk import ServiceWalk


def rounds(walks: Sequence[ServiceWalk]) -> list[list[ServiceWalk]]:
    """The services of a host, in order: those of a round may be away at once, being no replicas of one another."""
    found: list[list[ServiceWalk]] = [[]]
    for walk in walks:
        group = group_of(walk.script.service)
        alike = [each for each in found[-1] if group_of(each.script.service) == group and _goes_away(each)]
        if alike and _goes_away(walk):
            found.append([])
        found[-1].append(walk)
    return found


def _goes_away(walk: ServiceWalk) -> bool:
    """Whether callers who have answers from it now would miss them."""
    return walk.in_use and walk.may_interrupt


@dataclass
class Admission:
    """The slots of one host, for as long as it is changed.

    ``tell`` is called before a slot is given back: the host that gets it then knows already whether it may still begin.
    """

    host: str
    around: Surroundings
    tell: Callable[[], None] = lambda: None
    _waiting: list[ServiceWalk] = field(default_factory=list)

    def enter(self, walks: Sequence[ServiceWalk]) -> bool:
        """Take the slots that these services need, and wait for them; services that can get none are held back.

        Returns whether any slot was needed.
        """
        wanted = {self._replica(walk): group_of(walk.script.service) for walk in walks if _goes_away(walk)}
        sources = {source for walk in walks for source in walk.sources}
        self._waiting = [*walks]
        if not wanted and not sources:
            return False
        refused = self.around.gates.enter(
            self.host,
            wanted,
            sources,
            waits=lambda what: self.around.emit(Doing(self.host, "wait", what)),
            rests=self.around.resting,
            gives_up=self.around.halted.is_set,
        )
        for walk in walks:
            out = refused.get(self._replica(walk))
            if out:
                walk.hold_back(others_are_out(out))
        return True

    def settle(self, walks: Sequence[ServiceWalk], *, rolled_back: bool = False) -> None:
        """Give back the slots of services whose changes have been proved, or taken back."""
        back = {
            walk: walk.back_in_service(self._answers(walk, rolled_back))
            for walk in walks
            if walk.interrupted or walk.drained
        }
        self.tell()
        for walk in walks:
            self._leave(walk, lost=not back.get(walk, True))

    def _answers(self, walk: ServiceWalk, rolled_back: bool) -> bool:
        """Whether the service is back: by its proof, or where there is none, by asking it."""
        if self.around.stop.is_set():
            return False
        if rolled_back or not walk.proofs:
            return walk.comes_up() if walk.in_use or walk.drained else False
        return walk.answers

    def leave(self) -> None:
        """Give back all slots: nothing more is done here. A service that is not known to be back stays out."""
        self.tell()
        for walk in [*self._waiting]:
            self._leave(walk, lost=walk.interrupted)
        self.around.gates.loaded(self.host)

    def _leave(self, walk: ServiceWalk, *, lost: bool) -> None:
        if walk in self._waiting:
            self._waiting.remove(walk)
            self.around.gates.leave(self._replica(walk), lost=lost)

    def _replica(self, walk: ServiceWalk) -> Replica:
        return Replica(self.host, walk.script.service.name)
