"""How long a start takes, how long others wait for it, and what of that the tables know."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from autoglm_fix import launch
from autoglm_fix.agent.facts.model_files import ModelFiles, Place
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.knowledge import table
from autoglm_fix.launch import Launch


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds: what is usual, and what is slow and still in order."""

    usual: float
    slow: float


class Loading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a start takes: its weights at a rate, and ``beside`` them."""

    usual_bytes_per_s: float
    slow_bytes_per_s: float
    beside: Mapping[str, Pace]


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds that a stop needs at ``least``, and that are ``better``."""

    least: float
    better: float


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A waiting time of an engine (of all where it names none) or a library, as the table explains it."""

    name: str
    kind: Literal["variable", "option", "duration"]
    of: Literal["start", "step", "request", "hub"]
    default: float
    source: str
    engine: str = ""
    unit_s: float = 1.0
    least: float = 0.0
    whole: bool = False
    kills: bool = False
    zero: bool = False


class Gunicorn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The setting by which gunicorn gives up its workers."""

    option: str
    short: str
    default: float
    source: str


class ClientRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the client's library assumes, and how long a first token may take."""

    default: float
    retries: int
    first_token_s: float
    source: str


class NginxRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What nginx assumes, and the least that sending a request may be given."""

    default: float
    least_send: float
    source: str


class CallerRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those who ask the service."""

    client: ClientRule
    nginx: NginxRule


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stage of a start, and the line of a log that begins it."""

    stage: str
    pattern: str


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table."""

    source: str
    loading: Loading
    stop: Stop
    still_s: float
    idle_cores: float
    settings: tuple[Setting, ...]
    gunicorn: Gunicorn
    callers: CallerRules
    never_notify: tuple[str, ...]
    waits_for_it: str
    asks_itself: tuple[str, ...]
    no_proxy: tuple[str, ...]
    hub_waits: tuple[str, ...]
    hub_slow: str
    hub_names: str
    never_ready: str
    stages: tuple[Stage, ...]


# A model of which nothing can be told: what is judged then is what does not depend on it.
NOBODY_KNOWS = ModelFiles("", "path", Place("", None), "missing", cached=False)


@functools.cache
def rules() -> Rules:
    """The table, read once."""
    return table("timeouts", Rules)


def need(engine: str, model: ModelFiles) -> Pace:
    """How long a start of this model takes."""
    loading = rules().loading
    beside = loading.beside.get(engine, loading.beside["custom"])
    size = model.total_size
    return Pace(beside.usual + size / loading.usual_bytes_per_s, beside.slow + size / loading.slow_bytes_per_s)


@dataclass(frozen=True)
class Limit:
    """A manager's waiting time in seconds, None where it waits for ever; ``by`` is the file that sets it."""

    seconds: float | None
    by: str = ""


def limit(service: Service, name: str) -> Limit:
    """What the definition says of one waiting time, by its name in ``Limits``."""
    if service.defined is None:
        return Limit(None)
    known = service.defined.limits
    if service.defined.manager == "compose":
        # A container's record keeps what it was made with, until it is made anew.
        said = launch.limits(service)
        if name in said:
            return Limit(None if said[name] == float("inf") else said[name], "compose")
    value = getattr(known, name)
    return Limit(value, known.set_by.get(name, "")) if isinstance(value, (int, float)) else Limit(None)


def is_superseded(service: Service) -> bool:
    """Whether its definition was changed since its last start ended: what that start met is no longer so."""
    ended = service.ended
    at = ended.at if ended is not None else None
    return at is not None and service.changed is not None and service.changed > at


def understood(service: Service) -> Launch:
    """What is started, as far as that is known."""
    defined = service.defined
    found = launch.read(service)
    if found is not None:
        return found
    return Launch(argv=(), environment=(defined.environment or {}) if defined is not None else {})


def given(setting: Setting, of: Launch) -> str | None:
    """What a launch sets a waiting time to, None where it leaves the default, or where only a shell could tell."""
    if setting.kind == "option":
        option = of.options.get(setting.name)
        value = option if isinstance(option, str) else None
    else:
        value = of.environment.get(setting.name)
    if value is None or "$" in value or "`" in value:
        return None
    # To a program that wants a whole number, nothing is none.
    return value if value or setting.whole else None


_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def in_seconds(setting: Setting, value: str) -> float | None:
    """A value in seconds; None for what is no such value."""
    text = value.strip()
    if setting.kind == "duration" and _PART.match(text) and not _PART.sub("", text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    try:
        number = int(text) if setting.whole else float(text)
    except ValueError:
        return None
    return number * setting.unit_s if number == number else None


def written(setting: Setting, seconds: float) -> str:
    """Seconds as a setting takes them."""
    return f"{seconds / setting.unit_s:.0f}"


# What people set: nobody waits for 412 s.
_ROUND = (10, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 21600, 43200, 86400)


def rounded(seconds: float) -> float:
    """The next time that a person would set."""
    return float(next((each for each in _ROUND if each >= seconds), -(-seconds // 3600) * 3600))


def span(seconds: float | None) -> str:
    """A time for people, the same in every language: "90 s", "10 min"."""
    if seconds is None or seconds == float("inf"):
        return "∞"
    if seconds < 1:
        return f"{seconds:.2g} s"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def unavailing(line: str) -> bool:
    """Whether a line of a log tells that a hub was asked in vain."""
    known = rules()
    return bool(re.search(known.hub_names, line)) and any(re.search(each, line) for each in known.hub_waits)


def is_whole(model: ModelFiles) -> bool:
    """Whether the model is on this host, with all the weight files that it needs."""
    files = {each.name: each for each in model.files}
    there = all(name in files and files[name].size is not None for name in model.used)
    return model.cached and model.state in ("ok", "file") and bool(model.used) and there


def is_offline(environment: Mapping[str, str]) -> bool:
    """Whether the hub's library is told not to ask."""
    return any(environment.get(name, "").lower() in ("1", "true", "yes", "on") for name in _OFFLINE)


_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
