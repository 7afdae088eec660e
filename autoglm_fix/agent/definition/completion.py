"""What the inventory leaves open of a service, taken from its definition. Files only, once a request."""

from __future__ import annotations

import os
from dataclasses import replace

from ..context import Context
from ..facts.service import Definition
from ..service import ServiceSpec
from ..unknown import CannotTell
from . import NotDefined
from .managers import of
from .start import python_of, starts_a_container


def completed(ctx: Context, spec: ServiceSpec) -> ServiceSpec:
    """The service with its user, folder, environment, command and Python. What the inventory says stays."""
    inside = spec.manager in ("docker", "compose")
    try:
        definition: Definition = of(spec.manager).defined(ctx, spec)
        if spec.manager == "systemd" and (spec.container or spec.compose or starts_a_container(definition)):
            from .front_end import container_of

            # The unit is a front end: whoever waits in it sees another world than the service.
            inside = True
            behind = replace(spec, manager="docker", container=spec.container or container_of(definition))
            if not behind.container:
                behind = replace(behind, manager="compose")
            spec = replace(spec, container=behind.container)
            definition = of(behind.manager).defined(ctx, behind)
    except (NotDefined, CannotTell):
        return spec  # the diagnostic of services says so
    command = spec.command or definition.argv or []
    folder = spec.working_dir or definition.working_dir
    unreadable = [each.file.inside for each in definition.sources if each.file.state == "unreadable"]
    return replace(
        spec,
        user=spec.user or definition.user,
        working_dir=folder,
        environment={**(definition.environment or {}), **spec.environment},
        # Whoever needs the variables then meets the reason why they cannot be read.
        env_files=spec.env_files or (unreadable if definition.unread else []),
        command=command,
        python=spec.python or python_of(command, "" if inside else folder or os.getcwd(), look=not inside),
    )
