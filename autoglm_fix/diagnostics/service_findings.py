"""What the service diagnostic can say.

``state`` is the manager's, ``exit`` how the last start ended (an exit status, a signal's name, the manager's word),
``ago`` how long that is ago. ``line`` is the line of its log that tells why, ``look`` the command that shows its log.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class Down(Finding, frozen=True, kw_only=True):
    """It does not run, and nothing says that it failed. ``log`` holds the last lines of its log."""

    code: ClassVar[str] = "service.down"
    symptom: ClassVar[Symptom] = "refused"
    consequence: ClassVar[bool] = True

    manager: str
    state: str
    look: str
    log: list[str]


class Failed(Finding, frozen=True, kw_only=True):
    """It does not run, because its last start ended badly. ``log`` holds the last lines of its log."""

    code: ClassVar[str] = "service.failed"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    exit: str
    ago: str
    look: str
    log: list[str]


class NotStarted(Finding, frozen=True, kw_only=True):
    """Nobody manages it, and no process of it is to be found. ``command`` starts it, as far as the inventory says."""

    code: ClassVar[str] = "service.not-started"
    symptom: ClassVar[Symptom] = "refused"
    consequence: ClassVar[bool] = True

    endpoint: str
    command: str


class Restarting(Finding, frozen=True, kw_only=True):
    """It ends again and again, and its manager starts it again."""

    code: ClassVar[str] = "service.restarting"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    restarts: int
    exit: str
    look: str
    log: list[str]


class StartLimit(Finding, frozen=True, kw_only=True):
    """Its manager has given up, because it ended too often."""

    code: ClassVar[str] = "service.start-limit"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    look: str


class TimedOut(Finding, frozen=True, kw_only=True):
    """Its manager ended it for want of a sign that it is up, or alive. ``limit`` is a time for people."""

    code: ClassVar[str] = "service.timed-out"
    symptom: ClassVar[Symptom] = "crashed"
    consequence: ClassVar[bool] = True

    reason: str
    limit: str


class OutOfMemory(Finding, frozen=True, kw_only=True):
    """The kernel ended it for want of memory of the host, or of its control group."""

    code: ClassVar[str] = "service.out-of-memory"
    symptom: ClassVar[Symptom] = "crashed"

    exit: str


class CannotStart(Finding, frozen=True, kw_only=True):
    """systemd cannot even start its program. ``step`` is systemd's word, ``what`` the thing that the step is about."""

    code: ClassVar[str] = "service.cannot-start"
    symptom: ClassVar[Symptom] = "crashed"

    step: str
    what: str


class CommandFailed(Finding, frozen=True, kw_only=True):
    """A command that its unit runs beside the program failed: ``command``, with its setting and its end."""

    code: ClassVar[str] = "service.command-failed"
    symptom: ClassVar[Symptom] = "crashed"

    command: str
    look: str


class Crashed(Finding, frozen=True, kw_only=True):
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


class PortTaken(Finding, frozen=True, kw_only=True):
    """Its port is held by another process."""

    code: ClassVar[str] = "service.port-taken"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class LeftOverSegment(Finding, frozen=True, kw_only=True):
    """A segment of shared memory with a fixed name is left over from a start that was killed."""

    code: ClassVar[str] = "service.segment-left"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class SharedMemory(Finding, frozen=True, kw_only=True):
    """There is too little shared memory."""

    code: ClassVar[str] = "service.shared-memory"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class NoSpace(Finding, frozen=True, kw_only=True):
    """A filesystem that it writes to is full."""

    code: ClassVar[str] = "service.no-space"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class Forbidden(Finding, frozen=True, kw_only=True):
    """Its user may not do what it has to."""

    code: ClassVar[str] = "service.forbidden"
    symptom: ClassVar[Symptom] = "crashed"

    user: str
    line: str


class UnknownOption(Finding, frozen=True, kw_only=True):
    """Its program does not take an option or value of its command."""

    code: ClassVar[str] = "service.option-unknown"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class MainGuard(Finding, frozen=True, kw_only=True):
    """Its own program starts the engine without a guard, so that each child starts another one."""

    code: ClassVar[str] = "service.main-guard"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class Stale(Finding, frozen=True, kw_only=True):
    """It runs with something else than what would start now.

    ``differs`` names what: ``argv``, ``user``, a variable as ``$NAME``, the path of a file that was changed after
    the start, the definition's path where its manager has not read it anew.
    """

    code: ClassVar[str] = "service.stale"
    severity: ClassVar[Severity] = "warning"

    differs: list[str]
    since: str


class Absent(Finding, frozen=True, kw_only=True):
    """Its manager knows no such service; ``near`` are names that are alike."""

    code: ClassVar[str] = "service.absent"
    symptom: ClassVar[Symptom] = "refused"

    manager: str
    reason: str
    near: list[str]


class UserUnit(Finding, frozen=True, kw_only=True):
    """It is a unit of a user's own systemd, in ``files``, and the system's knows nothing of it."""

    code: ClassVar[str] = "service.user-unit"
    symptom: ClassVar[Symptom] = "refused"

    files: list[str]


class ManagerDown(Finding, frozen=True, kw_only=True):
    """Its manager does not run itself, so that nobody starts it."""

    code: ClassVar[str] = "service.manager-down"
    symptom: ClassVar[Symptom] = "refused"

    manager: str


class Masked(Finding, frozen=True, kw_only=True):
    """Its manager is told never to start it."""

    code: ClassVar[str] = "service.masked"
    symptom: ClassVar[Symptom] = "refused"


class DefinitionBroken(Finding, frozen=True, kw_only=True):
    """Its manager cannot use its definition."""

    code: ClassVar[str] = "service.definition-broken"
    symptom: ClassVar[Symptom] = "refused"

    problem: str
    look: str


class EnvFileMissing(Finding, frozen=True, kw_only=True):
    """A file of variables that its definition insists on is not there."""

    code: ClassVar[str] = "service.env-file-missing"
    symptom: ClassVar[Symptom] = "crashed"

    service: str


class Unseen(Finding, frozen=True, kw_only=True):
    """Somebody answers in its place, and nothing can be told of that process."""

    code: ClassVar[str] = "service.unseen"
    severity: ClassVar[Severity] = "warning"

    reason: str


class Unreadable(Finding, frozen=True, kw_only=True):
    """Parts of its definition, or of what it was started with, could not be read: ``parts``, with the reasons."""

    code: ClassVar[str] = "service.unreadable"
    severity: ClassVar[Severity] = "warning"

    parts: list[str]


class Disabled(Finding, frozen=True, kw_only=True):
    """It does not start with the machine."""

    code: ClassVar[str] = "service.disabled"
    severity: ClassVar[Severity] = "warning"

    manager: str
