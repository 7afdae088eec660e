"""supervisor's programs that may serve a model."""

from __future__ import annotations

import os

from ..context import Context
from ..definition.supervisor import Configuration, look, places
from ..facts.landscape import Managed
from ..facts.service import Service
from ..service import ServiceSpec
from ..unknown import CannotTell
from .words import python_and_program

_MOST = 40


def programs(ctx: Context) -> list[Managed]:
    """All programs of the supervisors that run, or that are set up on this machine. CannotTell."""
    found = []
    for path in places():
        if not os.path.exists(path):
            continue
        for name in Configuration(path).programs()[:_MOST]:
            found.append(_managed(ctx, name))
    return found


def _managed(ctx: Context, name: str) -> Managed:
    handle: dict[str, object] = {"unit": name}
    try:
        looked = look(ctx, ServiceSpec(name=name, manager="supervisor", unit=name))
    except CannotTell as err:
        return Managed(Service(name, "supervisor", "unknown", undefined=str(err), handle=handle))
    service = Service(name, "supervisor", looked.state, looked.defined, ended=looked.ended, handle=handle)
    if looked.defined is None:
        return Managed(service, looked.pids)
    named = python_and_program(looked.defined.argv or [], looked.defined.working_dir)
    return Managed(service, looked.pids, *named)
