"""A unit that starts a container: behind the command that waits, the container is the service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..context import Context
from ..facts.service import Definition
from ..service import ServiceSpec
from . import Looked
from .managers import of


def behind(ctx: Context, spec: ServiceSpec, looked: Looked) -> Looked:
    """The unit starts a container: its process is the service, and never the command that waits for it."""
    manager: Any = "compose" if spec.compose and not spec.container else "docker"
    behind = replace(spec, manager=manager, container=spec.container or container_of(looked.defined))
    if not (behind.container or behind.compose):
        return replace(looked, pid=0, pids=[], unseen="the unit starts a container, and no `container` is named")
    there: Looked = of(manager).look(ctx, behind)
    definition = looked.defined
    if definition is not None and there.defined is not None:
        definition = replace(definition, container=there.defined.container)
    state = looked.state
    if state in ("running", "stopped") and there.state not in ("absent", "by-hand"):
        state = there.state
    return replace(
        looked,
        state=state,
        defined=definition,
        pid=there.pid,
        pids=there.pids,
        ended=there.ended if state == there.state != "running" else looked.ended,
        log=there.log,
        reads=[*looked.reads, *there.reads],
    )


def container_of(definition: Definition | None) -> str | None:
    """The name that such a command gives its container, None where it gives none."""
    argv = (definition.argv if definition else None) or []
    for at, word in enumerate(argv):
        if word == "--name":
            return argv[at + 1] if at + 1 < len(argv) else None
        if word.startswith("--name="):
            return word[len("--name=") :]
    return argv[-1] if "start" in argv[1:3] else None
