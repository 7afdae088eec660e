"""Facts about a start, a service and a model, from the few values that a test is about."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from autoglm_fix.agent.definition.unit import Unit
from autoglm_fix.agent.facts.callers import Callers
from autoglm_fix.agent.facts.model_files import ModelFiles, Place
from autoglm_fix.agent.facts.service import Container, Definition, Ended, Limits, Running, Service, Source
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.model.files import ModelFile

NOW = 1_000_000.0
GB = 10**9
VLLM = "/opt/glm/bin/vllm serve /models/glm --port 8000"
_SAMPLE = {"at": 0.0, "cpu": 30.0, "resident": GB, "pids": [7], "read": 3 * GB, "written": 0, "log": 500}


def start(case: dict[str, Any]) -> StartUp:
    """``start``: a state, or a table of what is special; ``first`` and ``last`` are what is special of the samples."""
    given = case.get("start", "down")
    if isinstance(given, str):
        return StartUp(given)
    told = {"state": "looked", "since": NOW - 90, "now": NOW, "logged": NOW - 80, "connects": False, **given}
    first, last = told.pop("first", {}), told.pop("last", {})
    told["samples"] = [{**_SAMPLE, **first}, {**_SAMPLE, "at": 10.0, **last}]
    return msgspec.convert(told, StartUp)


def callers(case: dict[str, Any]) -> Callers:
    """``callers``: the ``clients`` and ``front_ends`` on the host."""
    return msgspec.convert(case.get("callers", {}), Callers)


def model(case: dict[str, Any]) -> ModelFiles:
    """``size`` in GB, ``source``, and whether it is ``here``."""
    size = round(case.get("size", 20.6) * GB)
    here = case.get("here", True)
    file = ModelFile("model.safetensors", "/models/glm/model.safetensors", size if here else None)
    return ModelFiles(
        case.get("model", "/models/glm"),
        case.get("source", "path"),
        Place("/models/glm", "/models/glm"),
        "ok" if here else "missing",
        cached=here,
        files=[file],
        used=[file.name] if here else [],
        total_size=size if here else 0,
    )


def service(case: dict[str, Any], folder: Path) -> Service:
    """A service in ``state``, as the agent reads it: of a ``unit``, a ``compose`` file, or a ``command`` alone."""
    state = case.get("state", "failed")
    manager, defined = _defined(case, folder)
    ended = case.get("ended")
    up = case.get("up", 90.0)
    alive = state in ("running", "starting", "by-hand")
    argv = defined.argv or []
    return Service(
        "glm",
        manager,
        state,
        defined,
        running=Running(7, [7], argv, {}, python="/usr/bin/python3.11", since=NOW - up) if alive else None,
        ended=msgspec.convert(ended, Ended) if ended is not None else None,
        log=case.get("log", []),
        changed=case.get("changed"),
        now=NOW,
        endpoint=case.get("endpoint", "http://127.0.0.1:8000/v1"),
    )


def _defined(case: dict[str, Any], folder: Path) -> tuple[str, Definition]:
    if "unit" in case:
        return "systemd", unit(folder, {"/etc/systemd/system/glm.service": case["unit"]})
    argv = shlex.split(case.get("command", VLLM))
    limits = msgspec.convert(case.get("limits", {}), Limits)
    environment = case.get("environment", {})
    if "compose" in case:
        record = {"State": {"Health": {"Status": case["health"]}}} if "health" in case else {}
        container = Container("c1", "glm", "vllm/vllm-openai", compose={"service": "glm"}, record=record)
        sources = [_source("compose", "/srv/compose.yml", case["compose"])]
        return "compose", Definition("compose", "glm", argv, environment, sources=sources, container=container)
    container = None
    if case.get("manager") == "docker":
        record = {"State": {"Health": {"Status": case.get("health", "starting")}}}
        container = Container("c1", "glm", "vllm/vllm-openai", record=record)
    manager = case.get("manager", "none")
    return manager, Definition(manager, "glm", argv, environment, container=container, limits=limits)


def unit(folder: Path, texts: dict[str, str]) -> Definition:
    """The definition that these files of a unit make, read as on a host; the paths are those of the host."""
    files = []
    for path, text in texts.items():
        at = folder / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)
        files.append(("unit" if path.endswith(".service") else "drop-in", str(at)))
    found = Unit("glm.service", files).read().definition()
    root = str(folder)
    sources = [
        replace(
            each, file=replace(each.file, inside=_without(each.file.inside, root), host=_without(each.file.host, root))
        )
        for each in found.sources
    ]
    set_by = {name: _without(path, root) for name, path in found.limits.set_by.items()}
    return replace(found, sources=sources, limits=replace(found.limits, set_by=set_by))


def _without(path: str | None, root: str) -> str:
    return (path or "").removeprefix(root)


def _source(kind: str, path: str, text: str) -> Source:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Source(kind, TextFile(path.rpartition("/")[2], path, path, "ok", text, digest))
