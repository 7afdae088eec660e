"""set_timeouts: waiting times that a start, a stop and an answer fit in, set where the service takes them from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import timeouts_findings as found
from autoglm_fix.diagnostics.timeouts import enough
from autoglm_fix.diagnostics.timeouts_rules import (
    NOBODY_KNOWS,
    Setting,
    given,
    in_seconds,
    limit,
    need,
    rounded,
    rules,
    span,
    understood,
    written,
)
from autoglm_fix.diagnostics.timeouts_settings import exceptions, gunicorn_timeout
from autoglm_fix.launch import Edit, Launch

from .launch_edit import offer
from .registry import Declined, fix

_FOR_EVER = float("inf")
# How a container's waiting times are given when it is made.
_OF_CONTAINERS = {"probe_s": "--health-start-period", "stop_s": "--stop-timeout"}
_OF_UNITS = {
    "start_s": "TimeoutStartSec",
    "stop_s": "TimeoutStopSec",
    "watchdog_s": "WatchdogSec",
    "runtime_s": "RuntimeMaxSec",
    "probe_s": "start_period",
}


@fix(
    found.HubSlow,
    found.HubUnreachable,
    found.LockLeft,
    found.LogBuffered,
    found.MayNeverBeReady,
    found.NeverReady,
    found.NoNumber,
    found.ProbeTooShort,
    found.Proxy,
    found.RequestTooShort,
    found.RuntimeTooShort,
    found.SharedMemoryFull,
    found.Stalled,
    found.StalledDisk,
    found.StalledLock,
    found.StalledNetwork,
    found.StartTight,
    found.StartTooShort,
    found.StepKills,
    found.StepTight,
    found.StopTooShort,
    found.WatchdogEnded,
    found.WatchdogUnfed,
)
def set_timeouts(
    finding: Finding,
    service: Service,
    model: ModelFiles | Unknown,
    *,
    start: float | None = None,
    stop: float = 60.0,
    hub: float = 60.0,
    generate: float = 120.0,
) -> Iterator[Change | Declined]:
    """Set waiting times that a start, a stop and an answer fit in, where the service takes them from.

    All in seconds. ``start`` is how long a start may take (by default what the model's size and the engine make likely
    on a slow disk), ``stop`` a stop, ``hub`` one question to a hub, ``generate`` an answer.
    """
    model = model if isinstance(model, ModelFiles) else NOBODY_KNOWS
    launch = understood(service)
    waits = {"start": start, "stop": stop, "hub": hub, "generate": generate}
    told = _stuck(finding)
    if told is not None:
        yield told
        return
    edit = _edit(finding, service, model, launch, waits)
    if edit is None:
        yield Declined("set_timeouts.not-known", {"subject": finding.subject})
    elif _is_made_with(service, edit):
        options = [f"{_OF_CONTAINERS[name]}={value:.0f}s" for name, value in edit.limits.items()]
        yield Declined("set_timeouts.container", {"options": " ".join(options)})
    else:
        for made in offer(service, edit, says="set_timeouts.set", values=_told(edit)):
            by_hand = isinstance(made, Declined) and not (edit.options or edit.environment)
            yield Declined("set_timeouts.definition", _told(edit)) if by_hand else made


def _stuck(finding: Finding) -> Declined | None:
    """What no waiting time cures: the cause has to go first."""
    if isinstance(finding, found.StalledLock):
        return Declined("set_timeouts.locked", {"lock": finding.subject, "holder": finding.holder or "?"})
    if isinstance(finding, found.LockLeft):
        return Declined("set_timeouts.lock-left", {"lock": finding.subject})
    if isinstance(finding, found.StalledDisk):
        return Declined("set_timeouts.disk", {"filesystem": finding.filesystem or finding.where})
    if isinstance(finding, found.SharedMemoryFull):
        return Declined("set_timeouts.shared-memory", {"total": finding.total})
    if isinstance(finding, found.StalledNetwork) and not finding.cached:
        return Declined("set_timeouts.network", {"remote": finding.remote})
    if isinstance(finding, found.Stalled):
        return Declined("set_timeouts.stuck", {"process": finding.process, "stack": finding.stack or ["?"]})
    return None


def _edit(
    finding: Finding, service: Service, model: ModelFiles, launch: Launch, waits: Mapping[str, float | None]
) -> Edit | None:
    """What is to be different at the next start."""
    pace = need(launch.engine, model)
    if isinstance(finding, (found.StartTooShort, found.StartTight)):
        setting = _setting(finding.setting)
        now = limit(service, "start_s").seconds if setting is None else _now(setting, launch)
        cut_off = isinstance(finding, found.StartTooShort)
        wanted = enough(pace, now or 0.0) if cut_off else pace.slow
        seconds = max(waits["start"] or rounded(wanted), 1.0)
        return Edit(limits={"start_s": seconds}) if setting is None else _with(setting, seconds)
    if isinstance(finding, (found.NeverReady, found.MayNeverBeReady)):
        return Edit(type="simple")
    if isinstance(finding, found.ProbeTooShort):
        return Edit(limits={"probe_s": waits["start"] or rounded(pace.slow)})
    if isinstance(finding, found.StopTooShort):
        now = limit(service, "stop_s").seconds or 0.0
        return Edit(limits={"stop_s": max(waits["stop"] or 0.0, 2 * now if finding.killed else 0.0)})
    if isinstance(finding, (found.WatchdogEnded, found.WatchdogUnfed)):
        return Edit(limits={"watchdog_s": _FOR_EVER})
    if isinstance(finding, found.RuntimeTooShort):
        return Edit(limits={"runtime_s": _FOR_EVER})
    if isinstance(finding, (found.NoNumber, found.StepKills, found.StepTight)):
        setting = _setting(finding.subject)
        if setting is None:
            return None
        longer = {"start": waits["start"] or rounded(pace.slow), "hub": waits["hub"]}.get(setting.of) or 0.0
        return _with(setting, max(setting.default, longer))
    if isinstance(finding, found.RequestTooShort):
        return _request(finding, launch, 2 * (waits["generate"] or 0.0))
    return _environment(finding, launch, waits["hub"] or 0.0)


def _environment(finding: Finding, launch: Launch, hub: float) -> Edit | None:
    """The variables that let it start without others."""
    if isinstance(finding, (found.HubUnreachable, found.StalledNetwork)):
        return Edit(environment={"HF_HUB_OFFLINE": "1"})
    if isinstance(finding, found.HubSlow):
        return Edit(environment=dict.fromkeys(finding.unset, f"{hub:.0f}"))
    if isinstance(finding, found.LogBuffered):
        return Edit(environment={"PYTHONUNBUFFERED": "1"})
    if isinstance(finding, found.Proxy):
        name, known = exceptions(launch.environment)
        more = [each for each in dict.fromkeys([*rules().no_proxy, *finding.missing]) if each not in known]
        return Edit(environment={name: ",".join([*known, *more])})
    return None


def _setting(name: str) -> Setting | None:
    return next((each for each in rules().settings if each.name == name), None)


def _now(setting: Setting, launch: Launch) -> float:
    value = given(setting, launch)
    return (in_seconds(setting, value) if value is not None else None) or setting.default


def _with(setting: Setting, seconds: float) -> Edit:
    if setting.kind == "option":
        return Edit(options={setting.name: written(setting, seconds)})
    value = written(setting, seconds)
    return Edit(environment={setting.name: f"{value}s" if setting.kind == "duration" else value})


def _request(finding: found.RequestTooShort, launch: Launch, seconds: float) -> Edit | None:
    of_gunicorn = gunicorn_timeout(launch)
    if of_gunicorn is not None:
        return Edit(options={of_gunicorn[0]: f"{rounded(seconds):.0f}"})
    setting = _setting(finding.subject)
    return None if setting is None else _with(setting, max(setting.default, rounded(seconds)))


def _is_made_with(service: Service, edit: Edit) -> bool:
    """Whether these are waiting times of a container that only whoever makes it can give it."""
    defined = service.defined
    if defined is None or defined.container is None or not edit.limits:
        return False
    described = any(each.kind == "compose" for each in defined.sources)
    return not described and all(name in _OF_CONTAINERS for name in edit.limits)


def _told(edit: Edit) -> dict[str, str]:
    """What is set, for people."""
    parts = [f"Type={edit.type}"] if edit.type else []
    parts += [f"{_OF_UNITS[name]}={span(value)}" for name, value in edit.limits.items()]
    parts += [f"{name}={value}" for name, value in edit.environment.items()]
    parts += [f"{name} {value}" for name, value in edit.options.items()]
    return {"settings": ", ".join(parts)}
