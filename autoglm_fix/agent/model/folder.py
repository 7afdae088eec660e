"""Where a service's model lies: a path as the service writes it, or a snapshot in a hub's cache (``cached``)."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..context import Context
from ..reach import Reach, Who
from ..unknown import CannotTell


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
    path = absolute(service.model, who.home, service.working_dir)
    is_name = not service.model.startswith(("/", "~", "."))
    if service.names_a_folder and not (is_name and "/" not in service.model and reach.follow(path).seen is None):
        return Located("path", path)
    if service.engine in ("ollama", "llama.cpp"):
        raise CannotTell(f"{service.model} is a name for {service.engine}, which keeps such models in its own way")
    from .cached import cached

    return cached(service, who, reach, path)


def absolute(path: str, home: str, working_dir: str | None) -> str:
    """The path as the service means it."""
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return os.path.join(working_dir or os.getcwd(), path)
