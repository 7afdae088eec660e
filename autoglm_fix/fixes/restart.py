"""restart: a service that is down, or runs with what is no longer defined, is started by its manager."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.changes.restart import ReloadAndRestart, Restart
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import service_findings as found
from autoglm_fix.diagnostics.service import missing_env_files
from autoglm_fix.launch import plainly

from .registry import Declined, fix

__all__ = ["restart", "restart_of"]

_UP = ("running", "starting", "restarting", "stopping")


@fix(
    found.CannotStart,
    found.CommandFailed,
    found.Crashed,
    found.Down,
    found.EnvFileMissing,
    found.Failed,
    found.Forbidden,
    found.LeftOverSegment,
    found.MainGuard,
    found.NoSpace,
    found.NotStarted,
    found.OutOfMemory,
    found.PortTaken,
    found.Restarting,
    found.SharedMemory,
    found.Stale,
    found.StartLimit,
    found.TimedOut,
    found.UnknownOption,
)
def restart(finding: Finding, service: Service, *, start_timeout: float = 1800.0) -> Iterator[Change | Declined]:
    """The manager starts the service, with its definition as it is on the disk, and the service stays up.

    ``start_timeout`` is how long, in seconds, a start may take; one that makes no progress for a minute has failed.
    """
    yield restart_of(service, start_timeout=start_timeout, reload_beside_gpus=True)


def restart_of(
    service: Service,
    *,
    says: str = "",
    values: Mapping[str, str] | None = None,
    start_timeout: float = 1800.0,
    reload_beside_gpus: bool = False,
) -> Change | Declined:
    """The start of a service, or why there is none to offer. ``says``: another code than the usual ones.

    ``reload_beside_gpus``: a disruptive change may be offered where systemd has to read its units anew while
    containers use GPUs.
    """
    name = service.defined.name if service.defined else service.name
    if service.state == "by-hand" or service.manager in ("none", "command"):
        argv = service.defined.argv if service.defined else service.running.argv if service.running else None
        if argv:
            return Declined("restart.by-hand", {"subject": service.name, "command": plainly(argv)})
        return Declined("restart.nobody-knows", {"subject": service.name})
    if service.state == "absent":
        return Declined("restart.absent", {"subject": name, "manager": service.manager})
    lacking = [each.file.inside for each in missing_env_files(service.defined)]
    if lacking:
        return Declined("restart.lacks-files", {"subject": name, "files": lacking})
    kind: type[Restart] = Restart
    usual = "restart.restart" if service.state in _UP else "restart.start"
    if not service.reloaded:
        usual += "-reloaded"
        if service.gpu_containers and not reload_beside_gpus:
            return Declined("restart.reload-would-harm", {"processes": service.gpu_containers})
        if service.gpu_containers:
            kind, usual = ReloadAndRestart, "restart.reload-beside-gpus"
    return kind(
        dict(service.handle),
        name,
        start_timeout=start_timeout,
        says=says or usual,
        values=dict(values or {}) or {"manager": service.manager},
    )
