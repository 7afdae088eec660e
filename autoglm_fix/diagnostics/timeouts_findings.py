"""What the timeouts diagnostic can say.

Times are for people ("90 s"), sizes in bytes. ``limit`` is what holds now, ``need`` what a start may well take, ``by``
what sets the limit (a file, the manager). ``stage`` is the stage of the start that the log tells last.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class Stalled(Finding, frozen=True, kw_only=True):
    """Nothing of it moves, and nothing outside says why. ``stack`` is what it does, the innermost call first."""

    code: ClassVar[str] = "timeouts.stalled"
    symptom: ClassVar[Symptom] = "hang"

    stage: str
    watched: str
    process: str
    stack: list[str]
    unstacked: str
    stages: list[str]


class StalledNetwork(Finding, frozen=True, kw_only=True):
    """It waits for another machine. ``hub``: the model comes from a hub, and it asks there; ``cached``: it is here."""

    code: ClassVar[str] = "timeouts.stalled-network"
    symptom: ClassVar[Symptom] = "hang"

    remote: str
    stage: str
    watched: str
    stack: list[str]
    hub: bool
    cached: bool


class StalledDisk(Finding, frozen=True, kw_only=True):
    """It waits for a disk or a filesystem that does not answer. ``filesystem`` is the remote one, if any."""

    code: ClassVar[str] = "timeouts.stalled-disk"
    symptom: ClassVar[Symptom] = "hang"

    filesystem: str
    where: str
    pid: int
    watched: str


class StalledLock(Finding, frozen=True, kw_only=True):
    """It waits for a lock; ``holder`` has it. The subject is the locked file."""

    code: ClassVar[str] = "timeouts.stalled-lock"
    symptom: ClassVar[Symptom] = "hang"

    service: str
    holder: str
    watched: str
    stack: list[str]


class LockLeft(Finding, frozen=True, kw_only=True):
    """It waits for a lock file to go away that nobody holds any more. The subject is that file."""

    code: ClassVar[str] = "timeouts.lock-left"
    symptom: ClassVar[Symptom] = "hang"

    service: str
    watched: str


class SharedMemoryFull(Finding, frozen=True, kw_only=True):
    """Nothing of it moves, and its /dev/shm is full."""

    code: ClassVar[str] = "timeouts.shared-memory-full"
    symptom: ClassVar[Symptom] = "hang"

    total: int
    free: int


class SlowStart(Finding, frozen=True, kw_only=True):
    """It is not up yet, and on its way. ``doing`` is what moves (``reading``, ``computing``, ``compiling``, ...)."""

    code: ClassVar[str] = "timeouts.slow-start"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "slow"

    stage: str
    doing: str
    up: str
    done: int
    total: int
    rate: int
    left: str
    stages: list[str]
    stack: list[str]


class VerySlowStart(Finding, frozen=True, kw_only=True):
    """It is not up yet, on its way, and far later than it should be."""

    code: ClassVar[str] = "timeouts.very-slow-start"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "slow"

    stage: str
    doing: str
    up: str
    need: str
    done: int
    total: int
    rate: int
    left: str
    stages: list[str]
    stack: list[str]


class LogLost(Finding, frozen=True, kw_only=True):
    """What it says goes where nobody can read it (``null``, ``deleted``)."""

    code: ClassVar[str] = "timeouts.log-lost"
    severity: ClassVar[Severity] = "info"

    where: str


class LogBuffered(Finding, frozen=True, kw_only=True):
    """It has said nothing so far, and Python keeps back what it says."""

    code: ClassVar[str] = "timeouts.log-buffered"
    severity: ClassVar[Severity] = "info"


class StartTooShort(Finding, frozen=True, kw_only=True):
    """Its last start was cut off by a limit that is shorter than a start takes."""

    code: ClassVar[str] = "timeouts.start-too-short"
    symptom: ClassVar[Symptom] = "crashed"

    setting: str
    limit: str
    need: str
    size: int
    by: str


class StartTight(Finding, frozen=True, kw_only=True):
    """The next start is likely to be cut off by a limit that is shorter than a start takes."""

    code: ClassVar[str] = "timeouts.start-tight"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    setting: str
    limit: str
    need: str
    size: int
    by: str


class NeverReady(Finding, frozen=True, kw_only=True):
    """systemd waits for its program to say that it is up, which that never does, and ends it at last."""

    code: ClassVar[str] = "timeouts.never-ready"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str
    limit: str


class MayNeverBeReady(Finding, frozen=True, kw_only=True):
    """systemd will wait for its program to say that it is up, which that is not known to do."""

    code: ClassVar[str] = "timeouts.may-never-be-ready"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str
    limit: str


class ProbeTooShort(Finding, frozen=True, kw_only=True):
    """Its health check counts against it before it can be up."""

    code: ClassVar[str] = "timeouts.probe-too-short"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    limit: str
    need: str
    size: int
    unhealthy: bool


class StopTooShort(Finding, frozen=True, kw_only=True):
    """It is killed before it can end in order. ``killed``: that is what happened at its last stop."""

    code: ClassVar[str] = "timeouts.stop-too-short"
    severity: ClassVar[Severity] = "warning"

    limit: str
    by: str
    killed: bool


class WatchdogEnded(Finding, frozen=True, kw_only=True):
    """Its manager ended it for want of signs of life that its program does not give."""

    code: ClassVar[str] = "timeouts.watchdog-ended"
    symptom: ClassVar[Symptom] = "crashed"

    limit: str
    by: str


class WatchdogUnfed(Finding, frozen=True, kw_only=True):
    """Its manager will end it for want of signs of life that its program does not give."""

    code: ClassVar[str] = "timeouts.watchdog-unfed"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    limit: str
    by: str
    engine: str


class RuntimeTooShort(Finding, frozen=True, kw_only=True):
    """Its manager ends it before it can be up, however well it runs."""

    code: ClassVar[str] = "timeouts.runtime-too-short"
    symptom: ClassVar[Symptom] = "crashed"

    limit: str
    need: str
    by: str


class NoNumber(Finding, frozen=True, kw_only=True):
    """A waiting time is no whole number, so that the program that reads it ends at once. The subject is its name."""

    code: ClassVar[str] = "timeouts.no-number"
    symptom: ClassVar[Symptom] = "crashed"

    value: str


class StepKills(Finding, frozen=True, kw_only=True):
    """A waiting time is so short that the server ends itself at its first request. The subject is its name."""

    code: ClassVar[str] = "timeouts.step-kills"
    symptom: ClassVar[Symptom] = "crashed"

    limit: str
    least: str
    default: str


class StepTight(Finding, frozen=True, kw_only=True):
    """A waiting time of the engine or of a library is too short to be meant. The subject is its name."""

    code: ClassVar[str] = "timeouts.step-tight"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    limit: str
    least: str
    default: str


class RequestTooShort(Finding, frozen=True, kw_only=True):
    """The server gives up a request before its answer can be whole. The subject is the setting."""

    code: ClassVar[str] = "timeouts.request-too-short"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "cut"

    limit: str
    need: str
    program: str


class HubUnreachable(Finding, frozen=True, kw_only=True):
    """It ended because it asked a hub in vain for a model that is here, whole. ``line`` is what its log says."""

    code: ClassVar[str] = "timeouts.hub-unreachable"
    symptom: ClassVar[Symptom] = "crashed"

    line: str


class HubSlow(Finding, frozen=True, kw_only=True):
    """It ended because a hub did not answer within its waiting time, which nobody has set."""

    code: ClassVar[str] = "timeouts.hub-slow"
    symptom: ClassVar[Symptom] = "crashed"

    line: str
    unset: list[str]


class Proxy(Finding, frozen=True, kw_only=True):
    """It asks its own address through a proxy, and so cannot start. The subject is the proxy's variable."""

    code: ClassVar[str] = "timeouts.proxy"
    symptom: ClassVar[Symptom] = "crashed"

    engine: str
    missing: list[str]
