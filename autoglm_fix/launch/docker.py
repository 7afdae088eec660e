"""A container that no compose file describes: made anew from its record, with another command or variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from autoglm_fix.agent.facts.service import Service

from .record import ARGV, VARIABLES
from .texts import Texts

if TYPE_CHECKING:
    from autoglm_fix.agent.changes.recreate import Recreate


def recreated(service: Service, before: Texts, after: Texts, says: str, values: Mapping[str, str]) -> Recreate:
    """The change that makes the service's container start as the record now says."""
    from autoglm_fix.agent.changes.recreate import Recreate  # few services need it, and what it brings along

    container = service.defined.container if service.defined is not None else None
    old: dict[str, str] = json.loads(before[VARIABLES].text)
    new: dict[str, str] = json.loads(after[VARIABLES].text)
    argv: list[str] = json.loads(after[ARGV].text)
    environment: dict[str, str | None] = {name: None for name in old if name not in new}
    environment |= {name: value for name, value in new.items() if old.get(name) != value}
    return Recreate(
        container=container.name if container is not None else service.name,
        id=container.id if container is not None else "",
        argv=None if after[ARGV].text == before[ARGV].text else argv,
        environment=environment,
        says=says,
        values=dict(values),
    )
