"""What a run says of steps, hosts and itself. Statuses are ordered worst first, and the worst wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from autoglm_fix.diagnostics import Finding
from autoglm_fix.fixes import Declined
from autoglm_fix.proof import Proof


class StepStatus(str, Enum):
    """How one step ended for one service."""

    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    UNFIXED = "unfixed"
    UNKNOWN = "unknown"
    PENDING = "pending"
    FIXED = "fixed"
    HEALTHY = "healthy"
    SKIPPED = "skipped"


class HostStatus(str, Enum):
    """How one host, or one service of it, ended."""

    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    UNFIXED = "unfixed"
    UNREACHABLE = "unreachable"
    UNPROVED = "unproved"
    UNKNOWN = "unknown"
    INTERRUPTED = "interrupted"
    UNTOUCHED = "untouched"
    NO_SERVICE = "no-service"
    PENDING = "pending"
    VERIFIED = "verified"
    CLEAN = "clean"


_STEP_ORDER = list(StepStatus)
_HOST_ORDER = list(HostStatus)


def worst_step(statuses: Iterable[StepStatus]) -> StepStatus:
    """The worst of some statuses; ``skipped`` where there are none."""
    return min(statuses, key=_STEP_ORDER.index, default=StepStatus.SKIPPED)


def worst_host(statuses: Iterable[HostStatus]) -> HostStatus:
    """The worst of some statuses; ``clean`` where there are none."""
    return min(statuses, key=_HOST_ORDER.index, default=HostStatus.CLEAN)


@dataclass(frozen=True)
class Fault:
    """An error of a step or host: a code with its values, and the last lines of what was said.

    ``behind`` is the jump host that was lost on the way.
    """

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    tail: tuple[str, ...] = ()
    behind: str | None = None


@dataclass(frozen=True)
class ChangeRecord:
    """One change as reports show it. ``problem`` is why it could not be made, or was not.

    ``code`` and ``values`` are its sentence's; ``summary`` is that sentence in English. ``shared`` names what it
    touches by the name that every host has for it, where that is on a filesystem that several may have; ``loads`` is
    the source that it reads weights from, where many hosts may read from it. ``size`` is the bytes that move for it,
    ``took_s`` how long it took to make, where it was made by itself. ``hint`` is what the host says to do about what
    keeps it from being made.
    """

    kind: str
    target: str
    risk: str
    undo: str
    summary: str
    diff: str
    problem: str | None = None
    made: bool = False
    code: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    shared: str = ""
    loads: str = ""
    size: int | None = None
    took_s: float | None = None
    hint: str = ""


@dataclass(frozen=True)
class StepResult:
    """One step for one service. ``findings`` are those of the first look, before any change."""

    play: str
    name: str
    service: str
    diagnostic: str
    status: StepStatus
    findings: tuple[Finding, ...] = ()
    changes: tuple[ChangeRecord, ...] = ()
    declined: tuple[Declined, ...] = ()
    remaining: tuple[Finding, ...] = ()
    provisional: str | None = None
    items: tuple[StepResult, ...] = ()
    error: Fault | None = None
    ignored: bool = False
    no_log: bool = False
    tags: tuple[str, ...] = ()
    duration_s: float = 0.0


@dataclass(frozen=True)
class ServiceResult:
    """One service: its status, what a caller saw of it before, and the code of the first cause.

    ``answered`` says whether it answered well before anything was changed, None where nobody asked.
    """

    status: HostStatus
    symptom: str = "none"
    cause: str | None = None
    answered: bool | None = None


@dataclass(frozen=True)
class Rollback:
    """What became of a host's changes after a failure: ``restored``, ``refused`` or ``partial``."""

    status: str


@dataclass(frozen=True)
class HostResult:
    """One host at the end of a run. ``machine`` is the id of the machine that it was, empty where nobody knows."""

    name: str
    status: HostStatus
    services: Mapping[str, ServiceResult] = field(default_factory=dict)
    steps: tuple[StepResult, ...] = ()
    proof: tuple[tuple[str, Proof], ...] = ()
    error: Fault | None = None
    rollback: Rollback | None = None
    duration_s: float = 0.0
    machine: str = ""


@dataclass(frozen=True)
class RunResult:
    """The whole run: what ``--format json`` prints as one document."""

    run: str
    playbook: str
    dry_run: bool
    exit_code: int
    duration_s: float
    hosts: Mapping[str, HostResult]

    @property
    def changed(self) -> bool:
        """Whether anything was changed on any host, or may have been, and has not been taken back by the run itself."""
        kept = [host for host in self.hosts.values() if host.rollback is None or host.rollback.status != "restored"]
        steps = [step for host in kept for step in host.steps]
        open_ = any(step.status is StepStatus.AMBIGUOUS for step in steps)
        return open_ or any(change.made for step in steps for change in step.changes)

    @property
    def counts(self) -> dict[str, int]:
        """Hosts by status, worst first."""
        found = [host.status for host in self.hosts.values()]
        return {status.value: found.count(status) for status in _HOST_ORDER if status in found}


_EXIT_2 = {
    HostStatus.FAILED,
    HostStatus.AMBIGUOUS,
    HostStatus.UNFIXED,
    HostStatus.UNPROVED,
    HostStatus.UNKNOWN,
    HostStatus.UNTOUCHED,
}


def exit_code(statuses: Iterable[HostStatus], *, interrupted: bool, exit_on_pending: bool) -> int:
    """The process's exit code for these hosts (README, "Exit codes"): the first that applies."""
    found = set(statuses)
    if interrupted:
        return 130
    if found <= {HostStatus.NO_SERVICE}:
        return 4
    if found & _EXIT_2:
        return 2
    if HostStatus.UNREACHABLE in found:
        return 3
    if exit_on_pending and HostStatus.PENDING in found:
        return 5
    return 0
