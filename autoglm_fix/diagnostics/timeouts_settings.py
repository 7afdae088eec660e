"""Waiting times of engines, libraries and front ends that are too short, no numbers, or asked in vain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from os.path import basename

from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.launch import Launch

from . import timeouts_findings as found
from .finding import Finding
from .timeouts_rules import (
    Pace,
    Setting,
    given,
    in_seconds,
    is_offline,
    is_superseded,
    is_whole,
    rules,
    span,
    unavailing,
)

_DOWN = ("failed", "stopped", "restarting")
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_EVERYWHERE = ("0.0.0.0", "::")


def settings(
    start: StartUp, service: Service, model: ModelFiles, launch: Launch, pace: Pace, generate: float
) -> Iterator[Finding]:
    """What the launch sets that cannot be meant."""
    for setting in applying(launch, model):
        yield from _judged(setting, service, launch, model, pace, generate)
    yield from _gunicorn(launch, generate)
    if start.state != "answers":
        yield from _hub(service, model, launch)
        yield from _proxy(launch)


def applying(launch: Launch, model: ModelFiles) -> Iterator[Setting]:
    """The settings that this launch heeds: those of its engine, and the hub's where its model comes from there."""
    for setting in rules().settings:
        if setting.engine:
            if setting.engine == launch.engine:
                yield setting
        elif model.source == "hub" or given(setting, launch) is not None:
            yield setting


def _judged(
    setting: Setting, service: Service, launch: Launch, model: ModelFiles, pace: Pace, generate: float
) -> Iterator[Finding]:
    value = given(setting, launch)
    seconds = setting.default if value is None else in_seconds(setting, value)
    if seconds is None:
        if setting.whole or setting.kind == "option":
            yield found.NoNumber(subject=setting.name, value=(value or "")[:40])
        return
    if setting.zero and seconds <= 0:
        return
    if setting.of == "start":
        yield from _ready(setting, service, launch, model, pace, seconds)
    elif value is not None and setting.of == "request":
        if 0 < seconds < generate:
            yield found.RequestTooShort(
                subject=setting.name, limit=span(seconds), need=span(generate), program=launch.engine
            )
    elif value is not None and seconds < setting.least:
        told = {"limit": span(seconds), "least": span(setting.least), "default": span(setting.default)}
        kind = found.StepKills if setting.kills else found.StepTight
        yield kind(subject=setting.name, **told)


def _ready(
    setting: Setting, service: Service, launch: Launch, model: ModelFiles, pace: Pace, seconds: float
) -> Iterator[Finding]:
    """An engine's own limit on its start."""
    ended = service.state in _DOWN and not is_superseded(service)
    cut_off = ended and any(re.search(rules().never_ready, line) for line in service.log)
    if not cut_off and (seconds >= pace.usual or service.state == "running"):
        return
    kind = found.StartTooShort if cut_off else found.StartTight
    yield kind(
        subject=setting.name,
        setting=setting.name,
        limit=span(seconds),
        need=span(max(pace.slow, 2 * seconds) if cut_off else pace.slow),
        size=model.total_size,
        by=setting.name if given(setting, launch) is not None else launch.engine,
    )


def gunicorn_timeout(launch: Launch) -> tuple[str, float] | None:
    """The option by which gunicorn gives up a silent worker as it stands, and its seconds; None for other programs.

    Workers that hand their work to a loop of events are not silent while they generate.
    """
    rule = rules().gunicorn
    if not any(basename(word) == "gunicorn" for word in launch.argv[:3]):
        return None
    options = launch.options
    worker = next((options[name] for name in ("-k", "--worker-class") if name in options), "")
    if "uvicorn" in str(worker) or "asgi" in str(worker):
        return None
    name = next((each for each in (rule.option, rule.short) if each in options), "")
    if not name and ("-c" in options or "--config" in options):
        return None
    try:
        return name or rule.option, float(str(options[name])) if name else rule.default
    except ValueError:
        return None


def _gunicorn(launch: Launch, generate: float) -> Iterator[Finding]:
    waits = gunicorn_timeout(launch)
    if waits is not None and 0 < waits[1] < generate:
        yield found.RequestTooShort(subject=waits[0], limit=span(waits[1]), need=span(generate), program="gunicorn")


def _hub(service: Service, model: ModelFiles, launch: Launch) -> Iterator[Finding]:
    """What the log of a service that ended says of a hub."""
    if service.state not in _DOWN or is_offline(launch.environment):
        return
    lines = [line.strip() for line in service.log if unavailing(line)]
    if not lines:
        return
    if is_whole(model):
        yield found.HubUnreachable(subject=model.model, line=lines[-1][:300])
        return
    slow = [line for line in lines if re.search(rules().hub_slow, line)]
    unset = [each.name for each in rules().settings if each.of == "hub" and given(each, launch) is None]
    if slow and unset:
        yield found.HubSlow(subject=model.model, line=slow[-1][:300], unset=unset)


def _proxy(launch: Launch) -> Iterator[Finding]:
    """A proxy between an engine and itself."""
    if launch.engine not in rules().asks_itself:
        return
    variable = next((name for name in _PROXIES if launch.environment.get(name)), None)
    missing = unproxied(launch)
    if variable is not None and missing:
        yield found.Proxy(subject=variable, engine=launch.engine, missing=missing)


def exceptions(environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """The variable that names where no proxy is asked, the one that counts, and its entries."""
    name = "no_proxy" if environment.get("no_proxy") else "NO_PROXY"
    return name, [each.strip() for each in environment.get(name, "").split(",") if each.strip()]


def unproxied(launch: Launch) -> list[str]:
    """The addresses of its own that an engine asks, and that no exception of the proxy names."""
    host = launch.options.get("--host")
    asked = [host] if isinstance(host, str) and host not in _EVERYWHERE else []
    if host in _EVERYWHERE:
        asked = ["0.0.0.0"]
    _, known = exceptions(launch.environment)
    if "*" in known:
        return []
    return [each for each in dict.fromkeys(["127.0.0.1", *asked]) if each not in known]
