"""Why the service's own Python cannot be run."""

from __future__ import annotations

import os

from ..context import Context
from ..no_answer import NoAnswer
from ..unknown import CannotTell


def why(ctx: Context, python: str, path: str | None) -> CannotTell:
    """The reason, to be raised. ``path`` is the host's, None where it has none."""
    if not python:
        return _not_started(f"the service {ctx.service.name} names no python")
    if ctx.view.container is not None:
        return CannotTell(f"{python} is in a container: it cannot be run from the host")
    if path is None:
        if "/" not in python:
            return _not_started(f"there is no {python} on the service's PATH")
        return _not_started(f"{python} lies in an image layer: no path of the host leads there")
    if os.path.isdir(path):
        return _not_started(f"{path} is a folder, not a Python")
    if not os.path.exists(path):
        what = "is a link to nothing" if os.path.islink(path) else "is not there"
        return _not_started(f"the service's Python {path} {what}")
    return _not_started(f"the service's Python {path} cannot be executed")


def _not_started(reason: str) -> NoAnswer:
    return NoAnswer("not-started", reason, [])
