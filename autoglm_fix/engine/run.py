"""One invocation: the hosts, the plays in order, and the result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event as Flag

from .crew import Crew, Interrupts
from .events import Event, HostDone, Listener, RunDone, RunStarted
from .fleet import Approve, Fleet, Limits
from .gates import Gates, group_of
from .host import HostWalk, Target
from .results import HostResult, HostStatus, RunResult, exit_code
from .session import ParcelStore
from .surroundings import Describe, Surroundings

# How long the end of all connections is waited for.
_PARTING_S = 10.0
_PARTING_AT_ONCE_S = 1.0
_TRIES = 10


@dataclass(frozen=True)
class Order:
    """What was asked for: everything is checked by now, and no host has been contacted. ``stop`` ends it in order."""

    playbook: str
    targets: Sequence[Target]
    plays: Sequence[Limits]
    who: str
    dry_run: bool = False
    verify: bool = True
    exit_on_pending: bool = False
    forks: int = 50
    even_if_working: bool = False
    store: ParcelStore | None = None
    stop: Flag = field(default_factory=Flag)


def new_run_id(now_s: float | None = None) -> str:
    """An id that sorts by time: ``20261122T110000-ab12``, the second and its fraction in 65536ths."""
    now = time.time() if now_s is None else now_s
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"-{int(now % 1 * 65536):04x}"


def run(order: Order, run_id: str, listen: Listener, approve: Approve, describe: Describe) -> RunResult:
    """Carry out an order. Ctrl-C ends it in order, a second one at once; the result tells of every host in any case."""
    started = time.monotonic()
    stop = order.stop
    told = _Telling(listen)
    interrupts = Interrupts(stop)
    crew = Crew(order.forks, interrupts)
    around = Surroundings(
        run_id,
        order.who,
        order.dry_run,
        order.verify and not order.dry_run,
        stop,
        told,
        describe,
        Gates(stop, _replicas(order.targets)),
        order.even_if_working,
        order.store,
        resting=crew.resting,
    )
    walks = [HostWalk(target, around) for target in order.targets]
    told(RunStarted(run_id, order.playbook, tuple(target.name for target in order.targets), order.dry_run))
    with interrupts:
        fleet = Fleet(walks, around, approve, crew, order.plays, interrupts.raised)
        try:
            fleet.carry_out()
        except KeyboardInterrupt:
            stop.set()
        finally:
            told.over = True
            at_once = interrupts.at_once.is_set()
            waited_for = [walk for walk in walks if walk not in fleet.left]
            crew.part(waited_for, HostWalk.hang_up, _PARTING_AT_ONCE_S if at_once else _PARTING_S)
    hosts = {walk.target.name: _result(walk) for walk in walks}
    for host in hosts.values():
        listen(HostDone(host))
    result = RunResult(
        run_id, order.playbook, order.dry_run, _exit_code(order, hosts.values()), time.monotonic() - started, hosts
    )
    listen(RunDone(result))
    return result


def _exit_code(order: Order, hosts: Iterable[HostResult]) -> int:
    exit_on_pending = order.exit_on_pending and order.dry_run
    return exit_code([host.status for host in hosts], interrupted=order.stop.is_set(), exit_on_pending=exit_on_pending)


def _replicas(targets: Iterable[Target]) -> Counter[str]:
    """How many services of these hosts serve the same model (``group_of``)."""
    services = {
        (target.name, script.service.name): script.service
        for target in targets
        for play in target.plays
        for script in play
    }
    return Counter(map(group_of, services.values()))


class _Telling:
    """Passes events on until the run is over: a host that was left at work is not heard any more."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self.over = False

    def __call__(self, event: Event) -> None:
        if not self.over:
            self._listen(event)


def _result(walk: HostWalk) -> HostResult:
    """A host's result, also while a thread that nobody waits for still adds to it."""
    for _ in range(_TRIES):
        with suppress(RuntimeError):
            return walk.result()
    return HostResult(walk.target.name, HostStatus.INTERRUPTED)
