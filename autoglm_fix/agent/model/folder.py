"""Where a service's model lies: a path as the service writes it, or a snapshot in a hub's cache."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..context import Context
from ..reach import Reach, Who
from ..service_run.surroundings import environment
from ..unknown import CannotTell

_YES = ("1", "on", "yes", "true", "y")


@dataclass(frozen=True)
class Located:
    """``source`` is ``path``, ``hub`` or ``modelscope``; ``inside`` the folder in the service's view.

    ``cached`` is False for a hub's model that its cache does not hold; ``inside`` is then where it
    would be. ``repo`` is the cache's folder for the model, empty for a path.
    """

    source: str
    inside: str
    revision: str | None = None
    repo: str = ""
    cached: bool = True


def locate(ctx: Context, who: Who, reach: Reach) -> Located:
    """Follow ``service.model``. CannotTell for a service that names none."""
    service = ctx.service
    if not service.model:
        raise CannotTell(f"the service {service.name} names no model")
    path = _absolute(service.model, who.home, service.working_dir)
    is_name = not service.model.startswith(("/", "~", "."))
    if service.names_a_folder and not (is_name and "/" not in service.model and reach.follow(path).seen is None):
        return Located("path", path)
    if service.engine in ("ollama", "llama.cpp"):
        raise CannotTell(f"{service.model} is a name for {service.engine}, which keeps such models in its own way")
    variables = environment(service, who.home, who.name)
    home = variables.get("HOME") or who.home
    if any(variables.get(name, "").lower() in _YES for name in ("VLLM_USE_MODELSCOPE", "SGLANG_USE_MODELSCOPE")):
        return _modelscope(service.model, variables, home, reach)
    found = _hub(service.model, variables, home, reach)
    if not found.cached and service.names_a_folder:  # an old id without an owner would have been in the cache
        return Located("path", path)
    if not found.cached and service.engine == "custom":
        other = _modelscope(service.model, variables, home, reach)
        return other if other.cached else found
    return found


def _absolute(path: str, home: str, working_dir: str | None) -> str:
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return os.path.join(working_dir or os.getcwd(), path)


def _hub(model: str, variables: dict[str, str], home: str, reach: Reach) -> Located:
    cache = variables.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    base = variables.get("HF_HOME") or os.path.join(cache, "huggingface")
    hub = variables.get("HF_HUB_CACHE") or variables.get("HUGGINGFACE_HUB_CACHE") or os.path.join(base, "hub")
    repo = os.path.join(_absolute(hub, home, "/"), "models--" + model.replace("/", "--"))
    revision = _first_line(reach, os.path.join(repo, "refs", "main"))
    folder = os.path.join(repo, "snapshots", revision or "main")
    return Located("hub", folder, revision or None, repo, reach.follow(folder).seen is not None)


def _modelscope(model: str, variables: dict[str, str], home: str, reach: Reach) -> Located:
    base = variables.get("MODELSCOPE_CACHE")
    roots = [os.path.join(home, ".cache", "modelscope", "hub")]
    if base:
        roots = [_absolute(base, home, "/"), os.path.join(_absolute(base, home, "/"), "hub")]
    owner, _, name = model.partition("/")
    names = [name.replace(".", "___"), name]  # a dot in a name is written so
    places: list[str] = []
    for root in roots:
        for each in names:
            places += [os.path.join(root, "models", owner, each), os.path.join(root, owner, each)]
    for place in places:
        if reach.follow(place).seen is not None:
            return Located("modelscope", place, None, place)
    return Located("modelscope", places[0], None, places[0], cached=False)


def _first_line(reach: Reach, inside: str) -> str:
    reached = reach.follow(inside)
    if reached.seen is None:
        return ""
    try:
        with open(reached.host, encoding="utf-8", errors="replace") as source:
            line = source.read(200).strip()
    except OSError as err:
        raise CannotTell(f"cannot read {reached.host}: {err.strerror}") from err
    return line if line.isalnum() else ""
