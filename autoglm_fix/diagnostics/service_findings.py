"""What the service diagnostic can say.

``state`` is the manager's, ``exit`` how the last start ended (an exit status, a signal's name, the manager's word),
``ago`` how long that is ago. ``line`` is the line of its log that tells why, ``look`` the command that shows its log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .finding import Finding, Severity, Symptom


@dataclass(frozen=True, kw_only=True)
class Down(Finding):
    """It does not run, and nothing says that it failed. ``log`` holds the last lines of its log."""

    code: ClassVar[str] = "service.down"
    symptom: ClassVar[Symptom] = "refused"
    consequence: ClassVar[bool] = True

    manager: str
    state: str
    look: str
    log: list[str]


@dataclass(frozen=True, kw_only=True)
class Failed(Finding):
    """It does not run, because its last start ended badly. ``log`` holds the last lines of its log."""

    code: ClassVar[str] = "service.failed"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    exit: str
    ago: str
    look: str
    log: list[str]


@dataclass(frozen=True, kw_only=True)
class NotStarted(Finding):
    """Nobody manages it, and no process of it is to be found. ``command`` starts it, as far as the inventory says."""

    code: ClassVar[str] = "service.not-started"
    symptom: ClassVar[Symptom] = "refused"
    consequence: ClassVar[bool] = True

    endpoint: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Restarting(Finding):
    """It ends again and again, and its manager starts it again."""

    code: ClassVar[str] = "service.restarting"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    restarts: int
    exit: str
    look: str
    log: list[str]


@dataclass(frozen=True, kw_only=True)
class StartLimit(Finding):
    """Its manager has given up, because it ended too often."""

    code: ClassVar[str] = "service.start-limit"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    look: str


@dataclass(frozen=True, kw_only=True)
class TimedOut(Finding):
    """Its manager ended it for want of a sign that it is up, or alive. ``limit`` is a time for people."""

    code: ClassVar[str] = "service.timed-out"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    reason: str
    limit: str


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(Finding):
    """The kernel ended it for want of memory of the host, or of its control group."""

    code: ClassVar[str] = "service.out-of-memory"
    symptom: ClassVar[Symptom] = "crashed"

    exit: str


@dataclass(frozen=True, kw_only=True)
class CannotStart(Finding):
    """systemd cannot even start its program. ``step`` is systemd's word, ``what`` the thing that the step is about."""

    code: ClassVar[str] = "service.cannot-start"
    symptom: ClassVar[Symptom] = "crashed"

    step: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Crashed(Finding):
    """Its log tells why it ended; ``step`` names the diagnostic that judges the same thing, empty for none."""

    code: ClassVar[str] = "service.crashed"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    cause: str
    line: str
    step: str
    look: str

    @property
    def judged_by(self) -> str:
        return self.step


@dataclass(frozen=True, kw_only=True)
class PortTaken(Finding):
    """Its port is held by another process."""

    code: ClassVar[str] = "service.port-taken"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


@dataclass(frozen=True, kw_only=True)
class LeftOverSegment(Finding):
    """A segment of shared memory with a fixed name is left over from a start that was killed."""

    code: ClassVar[str] = "service.segment-left"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


@dataclass(frozen=True, kw_only=True)
class SharedMemory(Finding):
    """There is too little shared memory."""

    code: ClassVar[str] = "service.shared-memory"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


@dataclass(frozen=True, kw_only=True)
class NoSpace(Finding):
    """A filesystem that it writes to is full."""

    code: ClassVar[str] = "service.no-space"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


@dataclass(frozen=True, kw_only=True)
class Forbidden(Finding):
    """Its user may not do what it has to."""

    code: ClassVar[str] = "service.forbidden"
    symptom: ClassVar[Symptom] = "crashed"

    user: str
    line: str


@dataclass(frozen=True, kw_only=True)
class UnknownOption(Finding):
    """Its program does not take an option or value of its command."""

    code: ClassVar[str] = "service.option-unknown"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


@dataclass(frozen=True, kw_only=True)
class MainGuard(Finding):
    """Its own program starts the engine without a guard, so that each child starts another one."""

    code: ClassVar[str] = "service.main-guard"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


@dataclass(frozen=True, kw_only=True)
class Stale(Finding):
    """It runs with something else than what would start now.

    ``differs`` names what: ``argv``, ``user``, a variable as ``$NAME``, the path of a file that was changed after
    the start, the definition's path where its manager has not read it anew.
    """

    code: ClassVar[str] = "service.stale"
    severity: ClassVar[Severity] = "warning"

    differs: list[str]
    since: str


@dataclass(frozen=True, kw_only=True)
class Absent(Finding):
    """Its manager knows no such service; ``near`` are names that are alike."""

    code: ClassVar[str] = "service.absent"
    symptom: ClassVar[Symptom] = "refused"

    manager: str
    reason: str
    near: list[str]


@dataclass(frozen=True, kw_only=True)
class Masked(Finding):
    """Its manager is told never to start it."""

    code: ClassVar[str] = "service.masked"
    symptom: ClassVar[Symptom] = "refused"


@dataclass(frozen=True, kw_only=True)
class DefinitionBroken(Finding):
    """Its manager cannot use its definition."""

    code: ClassVar[str] = "service.definition-broken"
    symptom: ClassVar[Symptom] = "refused"

    problem: str
    look: str


@dataclass(frozen=True, kw_only=True)
class EnvFileMissing(Finding):
    """A file of variables that its definition insists on is not there."""

    code: ClassVar[str] = "service.env-file-missing"
    symptom: ClassVar[Symptom] = "crashed"

    service: str


@dataclass(frozen=True, kw_only=True)
class Disabled(Finding):
    """It does not start with the machine."""

    code: ClassVar[str] = "service.disabled"
    severity: ClassVar[Severity] = "warning"

    manager: str
