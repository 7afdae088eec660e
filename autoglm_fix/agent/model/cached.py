"""Where a hub's client keeps a model that a service names by its id."""

from __future__ import annotations

import os

from ..reach import Reach, Who
from ..service import ServiceSpec
from ..service_run.surroundings import environment
from ..unknown import CannotTell
from .folder import Located, absolute

_YES = ("1", "on", "yes", "true", "y")


def cached(service: ServiceSpec, who: Who, reach: Reach, path: str) -> Located:
    """The model in the cache of the hub that the service asks; ``path`` is what its id would be as one."""
    model = service.model or ""
    variables = environment(service, who.home, who.name)
    home = variables.get("HOME") or who.home
    if any(is_yes(variables.get(name, "")) for name in ("VLLM_USE_MODELSCOPE", "SGLANG_USE_MODELSCOPE")):
        return _modelscope(model, variables, home, reach)
    found = _hub(model, variables, home, reach)
    if not found.cached and service.names_a_folder:  # an old id without an owner would have been in the cache
        return Located("path", path)
    if not found.cached and service.engine == "custom":
        other = _modelscope(model, variables, home, reach)
        return other if other.cached else found
    return found


def is_yes(value: str) -> bool:
    """Whether a variable that turns something on does."""
    return value.lower() in _YES


def _hub(model: str, variables: dict[str, str], home: str, reach: Reach) -> Located:
    cache = variables.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    base = variables.get("HF_HOME") or os.path.join(cache, "huggingface")
    hub = variables.get("HF_HUB_CACHE") or variables.get("HUGGINGFACE_HUB_CACHE") or os.path.join(base, "hub")
    repo = os.path.join(absolute(hub, home, "/"), "models--" + model.replace("/", "--"))
    revision = _first_line(reach, os.path.join(repo, "refs", "main"))
    folder = os.path.join(repo, "snapshots", revision or "main")
    return Located("hub", folder, revision or None, repo, reach.follow(folder).seen is not None)


def _modelscope(model: str, variables: dict[str, str], home: str, reach: Reach) -> Located:
    base = variables.get("MODELSCOPE_CACHE")
    roots = [os.path.join(home, ".cache", "modelscope", "hub")]
    if base:
        roots = [absolute(base, home, "/"), os.path.join(absolute(base, home, "/"), "hub")]
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
        with open(reached.seen_at, encoding="utf-8", errors="replace") as source:
            line = source.read(200).strip()
    except OSError as err:
        raise CannotTell(f"cannot read {reached.seen_at}: {err.strerror}") from err
    return line if line.isalnum() else ""
