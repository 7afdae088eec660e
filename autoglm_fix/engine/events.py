"""The one way out of the engine: typed events in the order they happen. Every output is a listener."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from autoglm_fix.proof import Proof

from .batches import likeness
from .results import ChangeRecord, Fault, HostResult, HostStatus, RunResult, StepResult


@dataclass(frozen=True)
class RunStarted:
    """The playbook is valid, the hosts are chosen; nothing has been contacted yet."""

    run: str
    playbook: str
    hosts: tuple[str, ...]
    dry_run: bool


@dataclass(frozen=True)
class HostStarted:
    """A connection is being made."""

    host: str


@dataclass(frozen=True)
class Doing:
    """A host entered another part of its walk.

    ``start`` (its Python has not been heard yet), ``look``, ``wait`` (for others), ``apply``, ``check`` or ``prove``.
    """

    host: str
    phase: str
    what: str


@dataclass(frozen=True)
class Progress:
    """How far a long piece of work on a host is, in ``unit`` (``bytes``, ``tokens``, ...)."""

    host: str
    what: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class LogLine:
    """One line that a host said while it worked."""

    host: str
    line: str


@dataclass(frozen=True)
class HostPlan:
    """What would be done on one host: its steps as they were looked at, with their changes.

    ``managed`` are engine and manager of each service that the steps are for.
    """

    host: str
    steps: tuple[StepResult, ...]
    managed: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> Hashable:
        """Equal for plans that one host can try out for all: the first batch holds one of each, reports fold by it."""
        services = dict.fromkeys(step.service for step in self.steps if step.service)
        return self.managed, likeness(self.steps, [self.host, *services])

    @property
    def changes(self) -> int:
        return sum(len(step.changes) for step in self.steps)


@dataclass(frozen=True)
class PutBack:
    """Paths that an earlier run was cut off in, and that are as they were before it."""

    host: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class HostLookedAt:
    """A host has been looked at, or could not be; it waits for the others now."""

    host: str


@dataclass(frozen=True)
class PlansReady:
    """All hosts have been looked at. ``deeper`` marks the plan of a second, deeper look.

    ``batches`` are the hosts with something to change in the order in which that is going to happen; of the replicas
    of one model no more than ``max_unavailable`` (a count, or a percentage) are out at once.
    """

    plans: tuple[HostPlan, ...]
    deeper: bool = False
    batches: tuple[tuple[str, ...], ...] = ()
    max_unavailable: int | str = 1


@dataclass(frozen=True)
class BatchStarted:
    """The changes of the next batch of hosts begin: the ``number``-th ``of`` so many."""

    number: int
    of: int
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class ChangeMade:
    """A change was made, or failed (``problem``)."""

    host: str
    step: str
    change: ChangeRecord


@dataclass(frozen=True)
class StepDone:
    """A step has its final status on a host."""

    host: str
    step: StepResult


@dataclass(frozen=True)
class ProofDone:
    """A service was asked to generate."""

    host: str
    play: str
    proof: Proof


@dataclass(frozen=True)
class HostLost:
    """A host could not be reached, contact with it was lost, or it cannot be changed."""

    host: str
    error: Fault


@dataclass(frozen=True)
class HostSettled:
    """A host has been changed and proved, as far as it was to be: nothing more is under way there in this play."""

    host: str
    status: HostStatus


@dataclass(frozen=True)
class HostDone:
    """A host's walk has ended."""

    host: HostResult


@dataclass(frozen=True)
class RunDone:
    """The end: everything is known."""

    result: RunResult


Event = (
    RunStarted
    | HostStarted
    | Doing
    | Progress
    | LogLine
    | PutBack
    | HostLookedAt
    | PlansReady
    | BatchStarted
    | ChangeMade
    | StepDone
    | ProofDone
    | HostLost
    | HostSettled
    | HostDone
    | RunDone
)
Listener = Callable[[Event], None]
