"""service: the service runs, stays up, and runs with what its definition and its files say now."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from autoglm_fix.agent.facts.service import Definition, Ended, Running, Service, Source
from autoglm_fix.launch import plainly

from . import service_findings as found
from .coming_up import SETTLED_S
from .finding import Finding
from .log_signatures import telling
from .registry import diagnostic

_LINES = 12
# systemd.exec(5), "Process Exit Codes", of systemd 252: what fails before the program runs.
_STEPS = {
    200: "CHDIR",
    201: "NICE",
    203: "EXEC",
    206: "LIMITS",
    209: "STDOUT",
    216: "GROUP",
    217: "USER",
    222: "STDIN",
    226: "NAMESPACE",
    227: "NO_NEW_PRIVILEGES",
    233: "RUNTIME_DIRECTORY",
    238: "STATE_DIRECTORY",
    239: "CACHE_DIRECTORY",
    240: "LOGS_DIRECTORY",
}
# What vLLM and SGLang write before a line's own words: the process, the level, the time and the place in the code.
_HEAD = re.compile(
    r"\A(?:\(\w+ pid=\d+\) *)?(?:(?:ERROR|WARNING|INFO) +(?:[\d-]+ [\d:.,]+ +)?(?:\[[\w.]+:\d+\] *)?)?(?=\S)"
)
_LONGEST = 300
# systemd's word where it could not even make a process (an env file that is not there): its log is of earlier starts.
_NEVER_RAN = "resources"
_OFTEN = 2
# By so much the times of files and of processes may be off.
_LATER_S = 1.0


@diagnostic()
def service(service: Service) -> Iterator[Finding]:
    """The service runs and stays up, with what its definition and its files say now."""
    if service.state == "absent":
        yield _absent(service)
        return
    for each in missing_env_files(service.defined):
        yield found.EnvFileMissing(subject=each.file.inside, service=_name(service))
    yield from _unseen(service)
    if service.state == "by-hand":
        if service.running is None and service.expected and not service.unseen:
            argv = service.defined.argv if service.defined else None
            yield found.NotStarted(subject=service.name, endpoint=service.endpoint, command=plainly(argv or []))
    elif service.undefined == "manager-down":
        yield found.ManagerDown(subject=_name(service), manager=service.manager)
    elif _is_down(service):
        yield from _why(service)
        yield from _down(service)
    if service.running is not None and service.state in ("running", "by-hand"):
        yield from _stale(service, service.running)
    if service.defined is not None and service.defined.enabled is False:
        yield found.Disabled(subject=service.defined.name, manager=service.manager)


def _unseen(service: Service) -> Iterator[Finding]:
    """What could not be looked at, on which all else that is said of the service rests."""
    if service.unseen:
        yield found.Unseen(subject=_name(service), reason=service.unseen)
    defined, running = service.defined, service.running
    sources = defined.sources if defined is not None else []
    parts = [f"{each.file.inside}: {each.file.detail or each.file.state}" for each in sources if _is_shut(each)]
    if running is not None and running.environment is None and (defined is None or not sources):
        parts.append(f"/proc/{running.pid}/environ")
    if parts:
        yield found.Unreadable(subject=_name(service), parts=parts)


def _is_shut(source: Source) -> bool:
    return source.file.state not in ("ok", "empty", "missing") and source.kind != "script"


def _name(service: Service) -> str:
    return service.defined.name if service.defined else service.name


def _absent(service: Service) -> Finding:
    name = _name(service)
    if service.undefined == "masked":
        return found.Masked(subject=name)
    if service.undefined == "user-unit":
        return found.UserUnit(subject=name, files=service.near)
    if service.undefined in ("bad-setting", "error"):
        lines = [line for line in service.log if line.strip()]
        problem = lines[-1] if lines else service.undefined
        return found.DefinitionBroken(subject=name, problem=problem, look=_look(service))
    return found.Absent(subject=name, manager=service.manager, reason=service.undefined, near=service.near)


def _is_down(service: Service) -> bool:
    """Whether it does not run, or not for long."""
    if service.state in ("running", "starting"):
        often = service.ended is not None and service.ended.restarts >= _OFTEN
        up = service.now - service.running.since if service.running else 0.0
        return often and up < SETTLED_S
    return True


def _down(service: Service) -> Iterator[Finding]:
    name, ended = _name(service), service.ended
    log, look = service.log[-_LINES:], _look(service)
    restarts = ended.restarts if ended else 0
    if service.state in ("running", "starting", "restarting") and restarts:
        yield found.Restarting(subject=name, restarts=restarts, exit=_exit(service), look=look, log=log)
        return
    if ended is not None and ended.reason == "start-limit-hit":
        yield found.StartLimit(subject=name, look=look)
    if service.state in ("failed", "restarting"):
        ago = _span(service.now - ended.at) if ended and ended.at else "-"
        yield found.Failed(subject=name, exit=_exit(service), ago=ago, look=look, log=log)
    else:
        yield found.Down(subject=name, manager=service.manager, state=service.state, look=look, log=log)


def _why(service: Service) -> Iterator[Finding]:
    """What is known of the cause, one finding at most for each way in which that is told."""
    name, ended = _name(service), service.ended
    if ended is None or not (ended.code or ended.signal or ended.reason or ended.restarts):
        return
    if ended.out_of_memory:
        yield found.OutOfMemory(subject=name, exit=_exit(service))
        return
    by_manager = _told_by_manager(service, ended)
    if by_manager is not None:
        yield by_manager
        return
    if ended.signal in ("SIGTERM", "SIGINT") or ended.code == 0 or ended.reason == _NEVER_RAN:
        return  # it was told to stop, or never ran: what its log says is no cause
    told = telling(service.log)
    if told is None:
        return
    row, line = told[0], _words_of(told[1])
    if row.cause == "host-memory":
        yield found.OutOfMemory(subject=name, exit=_exit(service))
    elif row.cause == "forbidden":
        user = (service.defined.user if service.defined else None) or "-"
        yield found.Forbidden(subject=name, user=user, line=line)
    elif row.cause in _OF_THEIR_OWN:
        yield _OF_THEIR_OWN[row.cause](subject=name, line=line)
    else:
        yield found.Crashed(subject=name, cause=row.cause, line=line, step=row.step, look=_look(service))


def _told_by_manager(service: Service, ended: Ended) -> Finding | None:
    """The cause, where the manager itself knows it."""
    name = _name(service)
    if ended.beside:
        return found.CommandFailed(subject=name, command=ended.beside, look=_look(service))
    if ended.reason in ("timeout", "watchdog"):
        limits = service.defined.limits if service.defined else None
        limit = None if limits is None else limits.start_s if ended.reason == "timeout" else limits.watchdog_s
        return found.TimedOut(subject=name, reason=ended.reason, limit="-" if limit is None else f"{limit:g} s")
    if service.manager == "systemd" and ended.code in _STEPS:
        return found.CannotStart(subject=name, step=_STEPS[ended.code], what=_about(ended.code, service.defined))
    return None


def _words_of(line: str) -> str:
    """A line of a log without what stands at the head of each, and not longer than people read."""
    words = _HEAD.sub("", line)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "\u2026"


_OF_THEIR_OWN = {
    "port-taken": found.PortTaken,
    "segment-left": found.LeftOverSegment,
    "shared-memory": found.SharedMemory,
    "no-space": found.NoSpace,
    "option-unknown": found.UnknownOption,
    "main-guard": found.MainGuard,
}


def _about(code: int, defined: Definition | None) -> str:
    """What the step that failed is about."""
    if defined is None:
        return "-"
    about = {200: defined.working_dir, 203: next(iter(defined.argv or []), None), 216: defined.group, 217: defined.user}
    return about.get(code) or "-"


def _exit(service: Service) -> str:
    ended = service.ended
    if ended is None or (ended.code is None and not ended.signal):
        return (ended.reason if ended else "") or "-"
    return ended.signal or str(ended.code)


def _span(seconds: float) -> str:
    """A time for people: "3 min"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _look(service: Service) -> str:
    """The command that shows its log; empty where nobody can say."""
    name = shlex.quote(_name(service))
    if service.manager == "systemd":
        return f"journalctl -u {name} -n 100 --no-pager"
    if service.manager == "supervisor":
        return f"supervisorctl tail -10000 {name}"
    if service.defined is not None and service.defined.container is not None:
        return f"docker logs --tail 100 {shlex.quote(service.defined.container.name)}"
    return ""


def _stale(service: Service, running: Running) -> Iterator[Finding]:
    differs = []
    if not service.reloaded and service.defined is not None:
        differs += [each.file.inside for each in service.defined.sources if each.kind in ("unit", "drop-in", "program")]
        differs = differs[-1:] or [service.defined.name]
    if service.changed is not None and running.since and service.changed > running.since + _LATER_S:
        differs.append(service.changed_path)
    if service.defined is not None and service.state == "running":
        differs += _differences(service.defined, running)
    if differs:
        subject = _name(service)
        since = _span(service.now - running.since) if running.since else "-"
        yield found.Stale(subject=subject, differs=list(dict.fromkeys(differs)), since=since)


def _differences(defined: Definition, running: Running) -> Iterator[str]:
    """What the live process was started with that the definition says otherwise.

    Only where the process is the defined program itself: a script may start another, and set what it likes.
    """
    argv = defined.argv or []
    if defined.container is not None or not argv:
        return
    name = os.path.basename(argv[0])
    at = next((n for n, word in enumerate(running.argv[:3]) if os.path.basename(word) == name), None)
    if at is None or any(each.kind == "script" for each in defined.sources):
        return
    if running.argv[at + 1 :] != argv[1:]:
        yield "argv"
    if defined.environment is not None and running.environment:
        for variable, value in defined.environment.items():
            if running.environment.get(variable) != value:
                yield f"${variable}"
    if defined.user and running.user and defined.user not in ("root", running.user) and not defined.user.isdigit():
        yield "user"


def missing_env_files(defined: Definition | None) -> list[Source]:
    """The files of variables that are not there, and without which it does not start."""
    sources = defined.sources if defined else []
    return [each for each in sources if each.kind == "env-file" and each.file.state == "missing" and not each.optional]
