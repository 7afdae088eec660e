"""One invocation: the hosts, the plays in order, and the result."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event as Flag

from .events import Listener, RunDone, RunStarted
from .fleet import Approve, Fleet, Limits
from .host import HostWalk, Surroundings, Target
from .results import RunResult, exit_code
from .session import ParcelStore
from .walk import Describe


@dataclass(frozen=True)
class Order:
    """What was asked for: everything is checked by now, and no host has been contacted."""

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


def new_run_id(now_s: float | None = None) -> str:
    """An id that sorts by time: ``20261122T110000-ab12``, the second and its fraction in 65536ths."""
    now = time.time() if now_s is None else now_s
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"-{int(now % 1 * 65536):04x}"


def run(order: Order, run_id: str, listen: Listener, approve: Approve, describe: Describe) -> RunResult:
    """Carry out an order. Ctrl-C (KeyboardInterrupt in the calling thread) ends it in order."""
    started = time.monotonic()
    around = Surroundings(
        run_id,
        order.who,
        order.dry_run,
        order.verify and not order.dry_run,
        Flag(),
        listen,
        describe,
        order.even_if_working,
        order.store,
    )
    walks = [HostWalk(target, around) for target in order.targets]
    listen(RunStarted(run_id, order.playbook, tuple(target.name for target in order.targets), order.dry_run))
    fleet = Fleet(walks, around, approve, order.forks)
    try:
        for number, limits in enumerate(order.plays):
            if not around.stop.is_set():
                fleet.play(number, limits)
    except KeyboardInterrupt:
        around.stop.set()
    finally:
        for walk in walks:
            walk.close()
    hosts = {walk.target.name: walk.result() for walk in walks}
    statuses = [host.status for host in hosts.values()]
    code = exit_code(
        statuses, interrupted=around.stop.is_set(), exit_on_pending=order.exit_on_pending and order.dry_run
    )
    result = RunResult(run_id, order.playbook, order.dry_run, code, time.monotonic() - started, hosts)
    listen(RunDone(result))
    return result
