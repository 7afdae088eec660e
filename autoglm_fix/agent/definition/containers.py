"""Services in containers: docker, podman behind its API, compose. Their definition, state, view and control."""

from __future__ import annotations

import calendar
import os
import re
import signal
import time
from dataclasses import replace
from typing import Any

from ..changes import CannotChange
from ..context import Context
from ..facts.service import Definition, Ended, Limits, Source
from ..inside import Inside
from ..service import ServiceSpec
from ..unknown import CannotTell
from ..view import View
from . import Looked, NotDefined
from .container_record import Found, compose_files, found, project_of
from .container_script import SHELLS, script_of
from .container_user import home_of, user_of
from .control import Control
from .engine_api import Engine, EngineError, Record

_LOG_LINES = 60
_SOON_S = 120.0
_STOP_S = 10.0
_PROBE_EVERY_S, _PROBE_TRIES = 30.0, 3
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))")


def defined(ctx: Context, spec: ServiceSpec) -> Definition:
    """The container's record as a definition; of a compose service without a container only its texts."""
    try:
        there = found(ctx, spec)
    except NotDefined:
        sources = _sources(spec, {})
        if not _names_service(spec, sources):
            raise
        return Definition("compose", _service_of(spec), sources=sources)
    return _definition(spec, there)


def look(ctx: Context, spec: ServiceSpec) -> Looked:
    """The same with the container's state, how it ended, and its log where it is not well."""
    try:
        there = found(ctx, spec)
    except NotDefined as err:
        sources = _sources(spec, {})
        if not _names_service(spec, sources):
            return Looked("absent", undefined=str(err), near=err.near)
        return Looked("stopped", Definition("compose", _service_of(spec), sources=sources), str(err))
    record, pid = there.record, there.pid
    state = state_of(record)
    lives = bool(record["State"].get("Pid"))
    return Looked(
        state,
        _with_script(_definition(spec, there), there),
        pid=pid,
        ended=_ended(record),
        log=log_of(there) if state != "running" or _is_unhealthy(record) else [],
        unseen="its process is not one of this machine" if lives and not pid else "",
    )


def control(ctx: Context, spec: ServiceSpec) -> Control:
    """What starts and stops it."""
    from .container_control import Composed, Contained, compose_command

    there: Found | None = None
    labels: dict[str, str] = {}
    try:
        there = found(Context(), spec)  # as it is now, whatever this request has seen before
        labels = there.labels
    except NotDefined:
        if not spec.compose:
            return Contained(None)
    except CannotTell as err:
        return Contained(None, str(err))
    files = compose_files(spec.compose, labels)
    gone = [path for path in files if not os.path.isfile(path)]
    try:
        command = compose_command(labels.get("version", "")) if files and not gone else []
    except CannotChange as err:
        return Contained(there, str(err) if spec.compose else "")
    if command:
        return Composed(there, command, files, labels, spec.compose or {})
    return Contained(there, "" if there else f"the compose file {', '.join(gone) or 'is not named and'} is not there")


def container_view(ctx: Context, spec: ServiceSpec, view: View) -> View:
    """The view of a service whose process is in a container, which ``spec`` names.

    The links that are pending come as the host calls them. Where nothing can be said of the container,
    nothing can be said of any of its paths: they are not the host's.
    """
    try:
        there = found(ctx, spec)
    except (NotDefined, CannotTell) as err:
        return View(view.pending, Inside(spec.container or spec.name, {}, 0, {}, why=str(err)))
    inside = _inside(there)
    return View({name: to for link, to in view.pending.items() for name in inside.names(link)}, inside)


def _inside(there: Found) -> Inside:
    container = there.container()
    mounts: dict[str, Any] = {each.inside: each.host for each in container.mounts}
    memory = [each["Destination"] for each in there.record.get("Mounts") or [] if each.get("Type") == "tmpfs"]
    for path in [*memory, *((there.record.get("HostConfig") or {}).get("Tmpfs") or {})]:
        mounts.setdefault(path, None)
    graph = (there.record.get("GraphDriver") or {}).get("Data") or {}
    return Inside(container.name, mounts, there.pid, graph)


def _definition(spec: ServiceSpec, there: Found) -> Definition:
    record, labels = there.record, there.labels
    config, host = record.get("Config") or {}, record.get("HostConfig") or {}
    variables = dict(each.split("=", 1) for each in config.get("Env") or [] if "=" in each)
    home = variables.get("HOME") or home_of(there)
    sources = _sources(spec, labels)
    policy = str((host.get("RestartPolicy") or {}).get("Name") or "no")
    return Definition(
        manager="compose" if any(each.kind == "compose" for each in sources) else "docker",
        name=there.name,
        argv=[record["Path"], *(record.get("Args") or [])] if record.get("Path") else None,
        environment={**variables, **({"HOME": home} if home else {})},
        user=user_of(there),
        working_dir=config.get("WorkingDir") or "/",
        sources=sources,
        container=there.container(),
        limits=_limits(config),
        restart=policy,
        # Another unit may start it with the machine; podman, which has no daemon, leaves it to one in any case.
        enabled=True if policy in ("always", "unless-stopped") and not there.is_podman else None,
    )


def _with_script(definition: Definition, there: Found) -> Definition:
    """The definition with the text of a shell script that is started."""
    argv = definition.argv or [""]
    named = argv[0].endswith(".sh") or os.path.basename(argv[0]) in SHELLS
    if not named and (not there.pid or os.path.basename(argv[0]).startswith("python")):
        return definition  # the layers of one that does not run are only opened where that is worth it
    script = script_of(
        View(container=_inside(there)), argv, definition.working_dir or "/", definition.environment or {}
    )
    return replace(definition, sources=[*definition.sources, script]) if script else definition


def _sources(spec: ServiceSpec, labels: dict[str, str]) -> list[Source]:
    files = compose_files(spec.compose, labels)
    if not files:
        return []
    from .compose_sources import compose_sources

    return [
        each
        for each in compose_sources(files, labels.get("environment_file", ""))
        # The files of a container's labels may be gone, or of another machine.
        if spec.compose or each.file.state != "missing"
    ]


def _names_service(spec: ServiceSpec, sources: list[Source]) -> bool:
    """Whether a compose file says anything of the service, as far as one can see without a parser."""
    texts = [each.file.text for each in sources if each.kind == "compose" and each.file.state == "ok"]
    name = re.escape((spec.compose or {}).get("service") or "")
    pattern = re.compile(rf"^\s*['\"]?{name}['\"]?\s*:" if name else r"^services\s*:", re.MULTILINE)
    return any(pattern.search(text) for text in texts)


def _service_of(spec: ServiceSpec) -> str:
    return (spec.compose or {}).get("service") or project_of(spec.compose) or spec.name


def _limits(config: Record) -> Limits:
    stop, check = config.get("StopTimeout"), config.get("Healthcheck") or {}
    # Podman writes 0 for containers that were made through Docker's API, and kills them at once.
    set_by = {} if stop is None else {"stop_s": "StopTimeout"}
    probe = None
    if (check.get("Test") or ["NONE"]) != ["NONE"]:
        every = (check.get("Interval") or 0) / 1e9 or _PROBE_EVERY_S
        probe = (check.get("StartPeriod") or 0) / 1e9 + every * (check.get("Retries") or _PROBE_TRIES)
        set_by["probe_s"] = "Healthcheck"
    return Limits(stop_s=_STOP_S if stop is None else float(stop), probe_s=probe, set_by=set_by)


def state_of(record: Record) -> str:
    """The state of a container in the words of ``Service``."""
    state = record["State"]
    status, code = state.get("Status"), int(state.get("ExitCode") or 0)
    if status == "restarting" or _loops(record):
        return "restarting"
    if status == "running":
        health = (state.get("Health") or state.get("Healthcheck") or {}).get("Status")
        return "starting" if health == "starting" else "running"
    if status in ("removing", "stopping"):
        return "stopping"
    # Whoever stops a container gets 143 for most programs, and nobody else sends that signal.
    failed = state.get("Error") or state.get("OOMKilled") or status == "dead" or code not in (0, 128 + signal.SIGTERM)
    return "failed" if failed else "stopped"


def _loops(record: Record) -> bool:
    """Whether it runs for a moment only, between one end and the next."""
    state = record["State"]
    since = when(state.get("StartedAt"))
    return int(record.get("RestartCount") or 0) > 1 and bool(since) and time.time() - (since or 0) < _SOON_S


def _is_unhealthy(record: Record) -> bool:
    return (record["State"].get("Health") or {}).get("Status") == "unhealthy"


def _ended(record: Record) -> Ended | None:
    state = record["State"]
    at, restarts = when(state.get("FinishedAt")), int(record.get("RestartCount") or 0)
    if state.get("Paused"):
        return Ended(reason="paused", at=at, restarts=restarts)
    if at is None and not state.get("Error"):
        return None
    if state.get("Running") and not state.get("Restarting"):
        return Ended(at=at, restarts=restarts) if restarts else None
    code = int(state.get("ExitCode") or 0)
    name = signal.Signals(code - 128).name if code - 128 in set(signal.Signals) else ""
    killed = bool(state.get("OOMKilled"))
    reason = str(state.get("Error") or ("oom-kill" if killed else ""))
    return Ended(code, name, reason, at, restarts, killed)


def when(stamp: Any) -> float | None:
    """Epoch seconds of an engine's time stamp; None for the year 1, which says never."""
    read = _TIME.match(str(stamp or ""))
    if read is None or read.group(1) == "0001":
        return None
    seconds = float(calendar.timegm(tuple(int(read.group(at)) for at in range(1, 7))))
    if read.group(8):
        away = 3600 * int(read.group(9)) + 60 * int(read.group(10))
        seconds -= away if read.group(8) == "+" else -away
    return seconds + float(read.group(7) or 0)


def log_of(there: Found) -> list[str]:
    """The end of its output, newest last; nothing where its engine keeps none."""
    tty = bool((there.record.get("Config") or {}).get("Tty"))
    try:
        return Engine(there.engine).logs(there.record["Id"], _LOG_LINES, tty)
    except EngineError:
        return []
