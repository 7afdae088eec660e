"""timeouts: a start ends, and nobody who waits for it, or for an answer, gives up too early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import basename

from autoglm_fix.agent.facts.callers import Callers
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.launch import Launch

from . import timeouts_findings as found
from .coming_up import answers, has_come_up
from .finding import Finding
from .registry import diagnostic
from .timeouts_callers import callers_wait
from .timeouts_rules import NOBODY_KNOWS, Pace, is_superseded, limit, need, rules, span, understood
from .timeouts_settings import settings
from .timeouts_start import start_up


@diagnostic()
def timeouts(
    start: StartUp | Unknown,
    service: Service,
    model: ModelFiles | Unknown,
    callers: Callers | Unknown,
    *,
    generate: float = 120.0,
) -> Iterator[Finding]:
    """The start ends, and no limit on it, on a stop or on an answer is shorter than these take.

    ``generate`` is how long an answer may take, in seconds.
    """
    start = start if isinstance(start, StartUp) else StartUp("unknown")
    model = model if isinstance(model, ModelFiles) else NOBODY_KNOWS
    launch = understood(service)
    pace = need(launch.engine, model)
    yield from start_up(start, service, model, launch, pace)
    unheard = list(_unheard(start, service, launch))
    yield from unheard
    # On one that has come up, no limit was too short.
    if not has_come_up(service, answers(start, service)):
        if not unheard:
            yield from _start(service, model, pace)
        yield from _probe(service, model, pace)
    yield from _runs(service, launch.engine, pace)
    yield from _stop(service)
    yield from settings(start, service, model, launch, pace, generate)
    if isinstance(callers, Callers):
        yield from callers_wait(callers, generate)


def _name(service: Service) -> str:
    return service.defined.name if service.defined else service.name


def was_cut_off(service: Service) -> str:
    """Of a service that its manager ended, with the definition that it has now: ``start``, ``stop``, ``watchdog``."""
    ended = service.ended
    if ended is None or ended.reason not in ("timeout", "watchdog") or is_superseded(service):
        return ""
    if ended.reason == "watchdog":
        return "watchdog"
    told = [line for line in service.log if "timed out" in line]
    if any("operation timed out" in line for line in told):
        return "start"
    return "stop" if told or limit(service, "start_s").seconds is None else "start"


def _unheard(start: StartUp, service: Service, launch: Launch) -> Iterator[Finding]:
    """A unit that counts as started once its program says so, and a program that never does."""
    defined = service.defined
    if defined is None or not defined.type.startswith("notify") or launch.engine not in rules().never_notify:
        return
    texts = [" ".join(launch.argv), *(each.file.text for each in defined.sources if each.kind == "script")]
    fronts = basename((defined.argv or [""])[0]) in ("docker", "podman", "nerdctl")
    if service.state == "running" or fronts or any("notify" in text for text in texts):
        return
    told = {"engine": launch.engine, "limit": span(limit(service, "start_s").seconds)}
    if start.state == "answers" or was_cut_off(service) == "start":
        yield found.NeverReady(subject=_name(service), **told)
    else:
        yield found.MayNeverBeReady(subject=_name(service), **told)


def _is_waited_for(service: Service) -> bool:
    """Whether its start lasts until the model is loaded: by its type, or by what runs behind its start."""
    defined = service.defined
    if defined is None or defined.type not in ("simple", "exec", "idle"):
        return True
    texts = [each.file.text for each in defined.sources if each.kind in ("unit", "drop-in")]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("ExecStartPost")]
    return any(re.search(rules().waits_for_it, line) for line in lines)


def _start(service: Service, model: ModelFiles, pace: Pace) -> Iterator[Finding]:
    """The manager's own limit on a start."""
    waits = limit(service, "start_s")
    if waits.seconds is None:
        return
    name, by = _name(service), waits.by or "systemd"
    if was_cut_off(service) == "start" or _is_cut_off_again(service, waits.seconds, pace):
        yield found.StartTooShort(
            subject=name,
            setting="TimeoutStartSec",
            limit=span(waits.seconds),
            need=span(enough(pace, waits.seconds)),
            size=model.total_size,
            by=by,
        )
    elif waits.seconds < pace.usual and service.state != "running" and _is_waited_for(service):
        yield found.StartTight(
            subject=name,
            setting="TimeoutStartSec",
            limit=span(waits.seconds),
            need=span(pace.slow),
            size=model.total_size,
            by=by,
        )


def _is_cut_off_again(service: Service, seconds: float, pace: Pace) -> bool:
    """Whether it is started again and again, each time for less than a start takes."""
    again = service.ended is not None and service.ended.restarts > 0 and service.ended.signal in ("SIGTERM", "SIGKILL")
    return again and service.state in ("starting", "restarting") and seconds < pace.usual and not is_superseded(service)


def enough(pace: Pace, exceeded: float) -> float:
    """How long a start may well take that took longer than ``exceeded``."""
    return max(pace.slow, 2 * exceeded)


def _probe(service: Service, model: ModelFiles, pace: Pace) -> Iterator[Finding]:
    """The container's health check, which counts before the model can be loaded."""
    waits = limit(service, "probe_s")
    health = _health(service)
    if waits.seconds is not None and waits.seconds < pace.usual and health != "healthy":
        yield found.ProbeTooShort(
            subject=_name(service),
            limit=span(waits.seconds),
            need=span(pace.slow),
            size=model.total_size,
            unhealthy=health == "unhealthy",
        )


def _health(service: Service) -> str:
    """What the container's engine says of its health check."""
    container = service.defined.container if service.defined else None
    state = container.record.get("State") if container is not None else None
    health = (state.get("Health") or state.get("Healthcheck")) if isinstance(state, dict) else None
    return str(health.get("Status") or "") if isinstance(health, dict) else ""


def _runs(service: Service, engine: str, pace: Pace) -> Iterator[Finding]:
    """What ends a service that runs well: a watchdog that nobody feeds, a limit on its whole life."""
    name, watchdog, runtime = _name(service), limit(service, "watchdog_s"), limit(service, "runtime_s")
    if watchdog.seconds is not None:
        up = service.now - service.running.since if service.running and service.running.since else 0.0
        fed = service.state == "running" and up > watchdog.seconds
        if was_cut_off(service) == "watchdog":
            yield found.WatchdogEnded(subject=name, limit=span(watchdog.seconds), by=watchdog.by)
        elif engine != "custom" and not fed:
            yield found.WatchdogUnfed(subject=name, limit=span(watchdog.seconds), by=watchdog.by, engine=engine)
    if runtime.seconds is not None and runtime.seconds < pace.usual:
        yield found.RuntimeTooShort(subject=name, limit=span(runtime.seconds), need=span(pace.slow), by=runtime.by)


def _stop(service: Service) -> Iterator[Finding]:
    """How long it has to end in order."""
    waits = limit(service, "stop_s")
    killed = was_cut_off(service) == "stop"
    if waits.seconds is None or not (killed or (waits.by and waits.seconds < rules().stop.least)):
        return
    yield found.StopTooShort(
        subject=_name(service), limit=span(waits.seconds), by=waits.by or service.manager, killed=killed
    )
