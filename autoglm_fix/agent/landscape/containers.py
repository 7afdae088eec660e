"""Containers of the engines on this machine, exited ones too."""

from __future__ import annotations

import time
from typing import Iterator

from ..context import Context
from ..definition import Looked, NotDefined
from ..definition.containers import look
from ..definition.engine_api import Engine, EngineError, Record, addresses
from ..definition.processes import tree
from ..facts.landscape import Managed
from ..facts.service import Service
from ..service import ServiceSpec
from ..unknown import CannotTell

_MOST = 60
_LONGEST_S = 10.0


def containers(ctx: Context, unseen: list[str]) -> list[Managed]:
    """Each container with its record. What cannot be asked is said in ``unseen``."""
    found: dict[str, Managed] = {}
    latest = time.monotonic() + _LONGEST_S
    for address in addresses():
        engine = Engine(address)
        try:
            short = engine.containers()
        except EngineError as err:
            unseen.append(str(err))
            continue
        if len(short) > _MOST:
            unseen.append(f"{address} has {len(short)} containers, of which {_MOST} were looked at")
        for each in _newest(short):
            if time.monotonic() > latest:
                unseen.append(f"the engine at {address} is too slow to be asked for all its containers")
                return list(found.values())
            if each["Id"] not in found:
                for managed in _managed(ctx, each):
                    found[each["Id"]] = managed
    return list(found.values())


def _newest(short: list[Record]) -> list[Record]:
    """Running ones before the others, then those made last."""
    return sorted(short, key=lambda each: (each.get("State") != "running", -int(each.get("Created") or 0)))[:_MOST]


def _managed(ctx: Context, short: Record) -> Iterator[Managed]:
    name = ((short.get("Names") or [short["Id"]])[0]).lstrip("/")
    try:
        looked: Looked = look(ctx, ServiceSpec(name=name, manager="docker", container=short["Id"]))
    except (CannotTell, NotDefined):
        return
    manager = looked.defined.manager if looked.defined else "docker"
    service = Service(name, manager, looked.state, looked.defined, ended=looked.ended, handle={"container": name})
    yield Managed(service, tree(looked.pid) if looked.pid else [])
