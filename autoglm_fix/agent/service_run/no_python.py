"""Why the service's own Python cannot be run."""

from __future__ import annotations

import errno
import os

from ..context import Context
from ..no_answer import NoAnswer
from ..reach import Who
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
    if not _is_for_us(ctx, path):
        return CannotTell(f"the agent's user may not run the service's Python {path}")
    if os.path.isdir(path):
        return _not_started(f"{path} is a folder, not a Python")
    if not os.path.exists(path):
        what = "is a link to nothing" if os.path.islink(path) else "is not there"
        return _not_started(f"the service's Python {path} {what}")
    return _not_started(f"the service's Python {path} cannot be executed")


def _is_for_us(ctx: Context, path: str) -> bool:
    """Whether what keeps the agent's user from it would keep the service from it too, as far as can be told."""
    if os.geteuid() == 0 or (Who(ctx.service.user).uid == os.geteuid() and ctx.service.user):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError as err:
        return err.errno != errno.EACCES
    return not mode & 0o111


def _not_started(reason: str) -> NoAnswer:
    return NoAnswer("not-started", reason, [])
