"""A service as the inventory declares it, by its command."""

from __future__ import annotations

import os

from ..facts.service import Definition
from ..service import ServiceSpec
from .start import script_of
from .texts import source


def declared(spec: ServiceSpec) -> Definition:
    """What starts it, and with which variables."""
    folder = spec.working_dir or os.getcwd()
    sources = [source("env-file", path.lstrip("-"), optional=path.startswith("-")) for path in spec.env_files]
    variables: dict[str, str] = {}
    unread = ""
    for each in sources:
        from .units import environment_file  # most commands name no such file

        variables.update(environment_file(each.file.text))
        if each.file.state == "unreadable":
            unread = f"{each.file.inside}: {each.file.detail}"
    script = script_of(spec.command, folder)
    return Definition(
        manager=spec.manager,
        name=spec.name,
        argv=spec.command,
        environment=None if unread else {**variables, **spec.environment},
        user=spec.user,
        working_dir=spec.working_dir,
        sources=[*sources, source("script", script)] if script else sources,
        unread=unread,
    )
