"""Landscapes in a few words: what the tables leave out is as on any host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from autoglm_fix.agent.facts.landscape import Checkout, Environment, Landscape, Managed, Process, Program, Setting
from autoglm_fix.agent.facts.service import Container, Definition, Ended, Running, Service, Source
from autoglm_fix.agent.facts.text_file import TextFile

NOW = 1_800_000_000.0


def landscape(given: Mapping[str, Any]) -> Landscape:
    """A landscape of a table's row."""
    return Landscape(
        processes=[process(**each) for each in given.get("processes", [])],
        managed=[managed(**each) for each in given.get("managed", [])],
        compose=[[source("compose", path, text)] for path, text in given.get("compose", {}).items()],
        checkouts=[
            Checkout(each["path"], [Setting(*setting) for setting in each.get("settings", [])])
            for each in given.get("checkouts", [])
        ],
        environments=[Environment(path, packages) for path, packages in given.get("environments", {}).items()],
        homes=[],
        ollama=[],
        unseen=[],
        now=NOW,
    )


def process(
    pid: int,
    argv: Sequence[str] | str,
    pids: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    folder: str = "/",
    user: str = "ml",
    binary: str | None = None,
    program: Mapping[str, Any] | None = None,
    **more: Any,
) -> Process:
    """A live process; ``pids`` are those below it."""
    words = argv.split() if isinstance(argv, str) else list(argv)
    running = Running(pid, [pid, *pids], words, dict(environment or {}), folder, user, binary)
    return Process(running, program=Program(**program) if program else None, **more)


def managed(
    name: str,
    manager: str = "systemd",
    argv: Sequence[str] | str | None = None,
    state: str = "stopped",
    pids: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    sources: Mapping[str, Mapping[str, str]] | None = None,
    user: str | None = "ml",
    folder: str | None = None,
    ended: Mapping[str, Any] | None = None,
    container: Mapping[str, Any] | None = None,
    program: Mapping[str, Any] | None = None,
    python: str | None = None,
) -> Managed:
    """A service that a manager knows. ``sources`` go by kind, then by path."""
    words = argv.split() if isinstance(argv, str) else argv
    texts = [source(kind, path, text) for kind, of in (sources or {}).items() for path, text in of.items()]
    defined = Definition(
        manager,
        name,
        list(words) if words is not None else None,
        dict(environment or {}),
        user,
        folder,
        texts,
        Container(**container) if container else None,
    )
    handle: dict[str, object] = {"container": name} if container else {"unit": name}
    service = Service(
        name.removesuffix(".service"),
        manager,
        state,
        defined,
        ended=Ended(**ended) if ended else None,
        handle=handle,
    )
    return Managed(service, list(pids), python, Program(**program) if program else None)


def source(kind: str, path: str, text: str) -> Source:
    """A text of a definition as the fact has it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Source(kind, TextFile(path.rpartition("/")[2], path, path, "ok", text, digest))
