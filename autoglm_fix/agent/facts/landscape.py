"""landscape: all that may serve a model on a host, running or not, as raw material for ``discover``."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..context import Context
from .service import Running, Service, Source


@dataclass(frozen=True)
class Program:
    """A Python program's own text, as far as it tells of models.

    ``imports`` are the libraries of this trade that it imports; ``models`` paths of models that stand in it.
    """

    path: str
    imports: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Process:
    """A live process that may serve a model, or ask one.

    ``group`` is its control group's path. ``listens`` are its TCP ports as ``address:port``, in a network of its
    own where ``isolated``; ``elsewhere``: it sees other files than the host's. ``holds`` are model files that it has
    mapped or open; ``libraries`` those that compute. ``gpu`` is its GPU memory in bytes, 0 where nobody tells how
    much, None where it uses none. ``python`` is the interpreter that its command names, ``program`` what that runs.
    """

    running: Running
    parent: int = 0
    group: str = ""
    listens: list[str] = field(default_factory=list)
    isolated: bool = False
    elsewhere: bool = False
    holds: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    gpu: int | None = None
    python: str | None = None
    program: Program | None = None


@dataclass(frozen=True)
class Managed:
    """A service that a manager knows, running or not: ``pids`` are all its processes as the manager counts."""

    service: Service
    pids: list[int] = field(default_factory=list)
    python: str | None = None
    program: Program | None = None


@dataclass(frozen=True)
class Setting:
    """A setting of the client's and where it is made. The value of a key is never carried."""

    name: str
    value: str
    where: str


@dataclass(frozen=True)
class Checkout:
    """A checkout of Open-AutoGLM, the client: its settings, the one that counts last."""

    path: str
    settings: list[Setting] = field(default_factory=list)


@dataclass(frozen=True)
class Environment:
    """A Python that has libraries to load a model with, and those (name to version, empty where unknown)."""

    python: str
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Landscape:
    """What was seen. ``compose`` holds for each project's files the texts; ``unseen`` says what could not be read.

    ``homes`` are the folders in which models may lie for the users seen, and ``ollama`` the names in its store.
    """

    processes: list[Process]
    managed: list[Managed]
    compose: list[list[Source]]
    checkouts: list[Checkout]
    environments: list[Environment]
    homes: list[str]
    ollama: list[str]
    unseen: list[str]
    now: float

    @classmethod
    def collect(cls, ctx: Context, *, search: list[str] | None = None) -> Landscape:
        """Look at processes, definitions and files, those below ``search`` before those where projects usually lie."""
        from ..landscape.look import look

        found = look(ctx, search)
        return cls(now=time.time(), **found)
