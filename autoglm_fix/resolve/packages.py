"""The resolver that fixes are handed: one a run, which remembers what it was asked."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from . import Demand, NoSolution, Pin, Resolver, Solution, Tool, Wheels

if TYPE_CHECKING:
    from autoglm_fix.agent.facts.environment import Environment

    from .parcels import Parcel

__all__ = ["Packages"]


class Packages(Resolver):
    """Resolves with uv or pip-tools, and fetches wheels that are to be sent. Threads may share it."""

    def __init__(self, cache: Path) -> None:
        """``cache`` is the folder that it may write into; it is made when needed."""
        self._cache = cache
        self._known: dict[str, Solution | NoSolution] = {}
        self._passwords: dict[str, str] = {}
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def solve(
        self, environment: Environment, demand: Demand, *, tool: Tool, index: str, wheels: Wheels
    ) -> Solution | NoSolution:
        """The same question is asked once: most hosts of a fleet have the same environment."""
        key = _key(environment, demand, tool, index, wheels)
        with self._guard:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            if key not in self._known:
                found = self._solved(environment, demand, tool, index, wheels)
                if isinstance(found, Solution):
                    self._remember([index, *(url for url, _ in demand.indexes)], found.pins)
                self._known[key] = found
            return self._known[key]

    def path(self, parcel: Parcel) -> Path:
        """Where a wheel that is to be sent lies here, fetched and checked if it was not. Raises NoParcel."""
        with self._guard:
            busy = self._busy.setdefault(parcel.sha256, threading.Lock())
        from .parcels import fetched

        with busy:
            return fetched(parcel, self._cache / "wheels", self._passwords.get(parcel.url, ""))

    def _solved(
        self, environment: Environment, demand: Demand, tool: Tool, index: str, wheels: Wheels
    ) -> Solution | NoSolution:
        # Imported here: what reads requirements takes its time to load, and most runs ask nothing.
        from .solving import solved, sources

        where = sources(environment, demand, index, wheels)
        return where if isinstance(where, NoSolution) else solved(environment, demand, tool, where, self._cache)

    def _remember(self, indexes: Iterable[str], pins: Iterable[Pin]) -> None:
        """The credentials in the URLs of the indexes that a solution came from: its files are asked for with them.

        Nothing else is. Of two indexes on one server it is the one that lies nearer to the file.
        """
        own = [(urlsplit(url).netloc.rpartition("@"), urlsplit(url).path) for url in indexes]
        for pin in pins:
            file = urlsplit(pin.url)
            known = [(path, user) for (user, at, host), path in own if at and host == file.netloc]
            if known:
                self._passwords[pin.url] = max(known, key=lambda each: _in_common(each[0], file.path))[1]


def _in_common(index: str, file: str) -> int:
    """How many folders two paths share, from the root on."""
    pairs = zip(index.strip("/").split("/"), file.strip("/").split("/"), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _key(environment: Environment, demand: Demand, tool: Tool, index: str, wheels: Wheels) -> str:
    """What a solution depends on; not where the environment lies, nor what else the machine is."""
    markers = {name: value for name, value in environment.markers.items() if not name.startswith("platform_")}
    distributions = [
        (each.name, each.version, each.requires, each.requires_python, each.problem, each.shadowed, each.direct_url)
        for each in environment.distributions
    ]
    target = [environment.version, environment.implementation, environment.machine, environment.glibc, environment.musl]
    own = dataclasses.astuple(environment.index)
    said = [target, markers, distributions, own, dataclasses.astuple(demand), tool, index, dataclasses.astuple(wheels)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
