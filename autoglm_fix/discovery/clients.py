"""Checkouts of Open-AutoGLM, the client: whom they ask, and whether that is one of the services found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import basename
from urllib.parse import urlsplit

from autoglm_fix.agent.facts.landscape import Landscape, Process, Setting
from autoglm_fix.launch.command import understand

from .found import Found, Remark

_URL, _MODEL = "PHONE_AGENT_BASE_URL", "PHONE_AGENT_MODEL"
_HERE = ("localhost", "127.0.0.1", "0.0.0.0", "::1")


@dataclass(frozen=True)
class Client:
    """A checkout with the URL and the model's name that it asks for, and where each is set.

    ``remark`` says which service that is. ``running`` are its live processes.
    """

    path: str
    base_url: str
    model: str
    set_by: str
    remark: Remark
    running: Sequence[int] = ()


def clients(landscape: Landscape, found: Sequence[Found]) -> list[Client]:
    """Each checkout; where its programs run, what those were started with counts."""
    made = []
    for checkout in landscape.checkouts:
        alive = [each for each in landscape.processes if _runs(each, checkout.path)]
        settings = [*checkout.settings, *(setting for each in alive for setting in _given(each))]
        url, model = _last(settings, _URL), _last(settings, _MODEL)
        remark = _served(url.value, model.value, found)
        made.append(
            Client(checkout.path, url.value, model.value, url.where, remark, [each.running.pid for each in alive])
        )
    return made


def _last(settings: Sequence[Setting], name: str) -> Setting:
    return next((each for each in reversed(settings) if each.name == name), Setting(name, "", ""))


def _runs(each: Process, path: str) -> bool:
    program = each.program.path if each.program is not None else ""
    in_it = each.running.working_dir == path and any(basename(word) == "main.py" for word in each.running.argv[:6])
    return program == f"{path}/main.py" or in_it


def _given(each: Process) -> list[Setting]:
    where = f"process {each.running.pid}"
    environment = each.running.environment or {}
    options = understand(each.running.argv).options
    found = [Setting(name, environment[name], where) for name in (_URL, _MODEL) if name in environment]
    for option, name in (("--base-url", _URL), ("--model", _MODEL)):
        value = options.get(option)
        found += [Setting(name, value, where)] if isinstance(value, str) else []
    return found


def _served(url: str, model: str, found: Sequence[Found]) -> Remark:
    if not url:
        return Remark("discover.client-unset")
    asked = _place(url)
    if asked is None:
        return Remark("discover.client-elsewhere", {"url": url})
    for each in found:
        endpoint = each.keys.get("endpoint")
        if isinstance(endpoint, str) and _place(endpoint) == asked:
            values = {"name": each.name, "asks": model, "is": list(each.names)}
            if not each.is_up:
                return Remark("discover.client-of-a-service-that-is-down", values)
            if model and each.names and model not in each.names:
                return Remark("discover.client-asks-for-another-name", values)
            return Remark("discover.client-of", values)
    return Remark("discover.client-of-nobody", {"url": url})


def _place(url: str) -> int | None:
    """The port of a URL on this machine; None for one elsewhere."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return port if parts.hostname in _HERE else None
