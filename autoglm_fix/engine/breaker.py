"""The circuit breaker: when too many hosts have failed, no new one is started, and those that are left say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .results import Fault, HostResult, HostStatus, StepResult, StepStatus

# That many in a row that fail alike have one cause, which the next will have as well.
_IN_A_ROW = 5
# That many of the first to be looked at, and none of them well: it is not the hosts that are broken.
_FIRST = 20

_FAILED = (HostStatus.FAILED, HostStatus.AMBIGUOUS, HostStatus.UNREACHABLE)


@dataclass(frozen=True)
class Limits:
    """What a play says about order and failure.

    ``serial`` entries are counts or percentages. ``max_fail_percentage`` is None where nothing is said of it.
    ``fatal_steps`` are the names of the steps whose failure on one host ends the play. ``max_unavailable`` is how
    many replicas of a model may be out at once, ``max_loading`` how many hosts may read weights from one source.
    """

    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    any_errors_fatal: bool = False
    fatal_steps: frozenset[str] = frozenset()
    on_failure: str = "keep"
    max_unavailable: int | str = 1
    max_loading: int = 4


@dataclass(frozen=True)
class Failure:
    """How a host failed: ``alike`` is the same for hosts with one reason, ``cause`` for those that are one failure.

    ``steps`` are the names of those that failed on it.
    """

    host: str
    cause: str
    alike: tuple[str, ...]
    steps: frozenset[str]


def failure_of(host: HostResult, behind: str | None = None) -> Failure | None:
    """How a host failed, as far as limits count it: an error, no cure, a proof that failed, or lost contact.

    Hosts ``behind`` the same jump host, which could not be passed, are one failure. What a step ignores is none.
    """
    if host.status not in _FAILED:
        return None
    steps = [step for step in host.steps if step.status in (StepStatus.FAILED, StepStatus.AMBIGUOUS)]
    failed = [step for step in steps if not step.ignored]
    if host.error is not None:
        alike: tuple[str, ...] = (host.error.code,)
    elif failed:
        alike = _alike(failed[0])
    else:
        alike = tuple(sorted({str(proof.code) for _, proof in host.proof if proof.status == "failed"}))
    cause = host.name if behind is None else f"behind {behind}"
    return Failure(host.name, cause, alike, frozenset(step.name for step in failed))


def _alike(step: StepResult) -> tuple[str, ...]:
    return (step.name, step.error.code if step.error is not None else "")


@dataclass
class Breaker:
    """Counts the failures of one play; ``why`` says why no new host is started, None while nothing is wrong.

    Looking: more failures than ``max_fail_percentage`` of the play's hosts, unreachable ones included (Ansible counts
    failed ones alone), or any at all where errors are fatal, end it; so does a beginning in which the hosts of the
    first wave all failed alike and none is well (a wrong key, a wrong password: the next try may lock the account).

    Changing: as in Ansible each batch is counted by itself, a percentage is exceeded by *more* than it, a batch that
    fails to its last host ends the run, and so does the first failure of any host or step whose errors are fatal.
    Where nothing is said of a percentage, so do several failures alike in a row. A batch holds the hosts with
    something to change; unlike in Ansible, hosts of it that get lost count, and nobody waits for its end to count.
    """

    limits: Limits
    why: Fault | None = None
    _hosts: int = 0
    _wave: Sequence[str] = ()
    _causes: set[str] = field(default_factory=set)
    _failures: dict[str, Failure] = field(default_factory=dict)
    _well: int = 0
    _row: list[Failure] = field(default_factory=list)

    def look_at(self, hosts: Sequence[str], at_a_time: int) -> None:
        """These hosts are going to be looked at, in this order, so many at a time."""
        self._begin(len(hosts))
        wave = max(at_a_time, _FIRST)
        self._wave = tuple(hosts[:wave]) if len(hosts) > wave else ()

    def looked_at(self, host: str, failure: Failure | None) -> None:
        """A host has been looked at, or could not be."""
        self._count(host, failure)
        if not self._wave or self._well or self.why or self.limits.max_fail_percentage is not None:
            return
        first = [self._failures.get(name) for name in self._wave]
        kinds = {each.alike for each in first if each is not None}
        if None not in first and len(kinds) == 1:
            self.why = Fault("run.untouched-alike", {"failed": len(first), "code": _code(kinds.pop())})

    def change(self, hosts: Sequence[str]) -> None:
        """These hosts are the next batch."""
        self._begin(len(hosts))

    def changed(self, host: str, failure: Failure | None) -> None:
        """A host of the batch has been changed."""
        self._count(host, failure)
        self._row = [] if failure is None else [*self._row, failure][-_IN_A_ROW:]
        if self.why:
            return
        if len(self._failures) == self._hosts:
            self.why = Fault("run.untouched-batch", {"failed": self._hosts})
        elif self.limits.max_fail_percentage is None and _are_alike(self._row):
            self.why = Fault("run.untouched-alike", {"failed": len(self._row), "code": _code(self._row[0].alike)})

    def _begin(self, hosts: int) -> None:
        self._hosts, self._well = hosts, 0
        self._causes.clear()
        self._failures.clear()

    def _count(self, host: str, failure: Failure | None) -> None:
        if failure is None:
            self._well += 1
            return
        self._failures[host] = failure
        self._causes.add(failure.cause)
        if self.why is not None and self.why.code != "run.untouched":
            return
        if self.limits.any_errors_fatal or self.limits.fatal_steps & failure.steps:
            self.why = Fault("run.untouched-fatal", {"host": host})
            return
        most = self.limits.max_fail_percentage
        if most is not None and len(self._causes) * 100 > most * self._hosts:
            values = {"failed": len(self._causes), "hosts": self._hosts, "most": f"{most:g}"}
            self.why = Fault("run.untouched", values)


def _are_alike(row: Sequence[Failure]) -> bool:
    return len(row) == _IN_A_ROW and len({each.alike for each in row}) == 1 and len({each.cause for each in row}) > 1


def _code(alike: tuple[str, ...]) -> str:
    return alike[-1] if alike else ""
