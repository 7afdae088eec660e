"""Which container a service is, and what its engine has on record of it, running or not."""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass
from typing import Any

from ..context import Context
from ..facts.service import Container, Mount
from ..service import ServiceSpec
from ..unknown import CannotTell
from . import NotDefined
from .engine_api import Engine, EngineError, Record, addresses

COMPOSE = "com.docker.compose."
_COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")


@dataclass(frozen=True)
class Found:
    """A container with the engine that has it. ``engine`` is the address of its API."""

    engine: str
    is_podman: bool
    record: Record

    @classmethod
    def collect(cls, ctx: Context, *, container: str = "", compose: str = "{}") -> Found:
        """By its name or id, else by the labels of its compose service. NotDefined, CannotTell."""
        named: dict[str, Any] = json.loads(compose)
        near: list[str] = []
        silent: list[str] = []
        known = addresses() or _served()
        for address in known:
            engine = Engine(address)
            try:
                name = container or _of_compose(engine.containers([COMPOSE + "service"]), named)
                if name:
                    record = engine.inspect(name)
                    return cls(address, engine.is_podman, record)
            except EngineError as err:
                if err.status != 404:
                    silent.append(str(err))
                    continue
            near += _names(engine)
        if silent or not known:
            raise CannotTell("; ".join(silent) or "no container engine is on this host (no docker socket, no podman)")
        what = f"no container is named {container}" if container else f"no container of {_called(named)} was made yet"
        raise NotDefined(what, difflib.get_close_matches(container or str(named.get("service", "")), near))

    @property
    def name(self) -> str:
        """The container's name, without the slash that the engine puts before it."""
        return str(self.record.get("Name", "")).lstrip("/")

    @property
    def pid(self) -> int:
        """Its main process as this host counts, 0 where none runs (or it runs on another machine)."""
        pid = int(self.record["State"].get("Pid") or 0)
        return pid if pid and _is_inside(pid, str(self.record["Id"])) else 0

    @property
    def labels(self) -> dict[str, str]:
        """The compose labels by their last part."""
        found = (self.record.get("Config") or {}).get("Labels") or {}
        return {
            name[len(COMPOSE) :].replace("project.", ""): value
            for name, value in found.items()
            if name.startswith(COMPOSE)
        }

    def container(self) -> Container:
        """The record as the fact holds it."""
        return Container(
            str(self.record["Id"]),
            self.name,
            str((self.record.get("Config") or {}).get("Image", "")),
            [
                Mount(each["Destination"], os.path.realpath(each["Source"]), not each.get("RW", True))
                for each in self.record.get("Mounts") or []
                if each.get("Source") and each.get("Type") in ("bind", "volume")
            ],
            self.labels,
            self.record,
        )


def _served() -> list[str]:
    from .podman_service import served

    return [address for address in [served()] if address]


def found(ctx: Context, spec: ServiceSpec) -> Found:
    """The container of a service, asked once a request. NotDefined where there is none, CannotTell."""
    if spec.container:
        return ctx.fact(Found, container=spec.container)
    if not spec.compose:
        raise NotDefined(f"the service {spec.name} names no container")
    return ctx.fact(Found, compose=json.dumps(dict(spec.compose), sort_keys=True))


def compose_files(compose: Any, labels: dict[str, str] | None = None) -> list[str]:
    """The compose files in their order: those that the inventory names, else those that made the container."""
    written: list[str] = list(compose.get("files") or []) if compose else []
    if not written and labels:
        base = labels.get("working_dir", "/")
        written = [os.path.join(base, each) for each in labels.get("config_files", "").split(",") if each]
    folders = [each for each in written if os.path.isdir(each)]
    files = [os.path.join(each, name) for each in folders for name in _COMPOSE_FILES]
    return [each for each in written if each not in folders] + [each for each in files if os.path.isfile(each)][:1]


def project_of(compose: Any) -> str:
    """The name of a compose project where nobody gives it: its folder's, as compose spells that."""
    files = compose_files(compose)
    folder = os.path.basename(os.path.dirname(os.path.abspath(files[0]))) if files else ""
    return re.sub(r"[^-_a-z0-9]", "", str(compose.get("project") or folder).lower())


def _of_compose(short: list[Record], compose: dict[str, Any]) -> str:
    """The id of the service's container: a running one before the others, the lowest number first; or nothing."""
    files = {os.path.realpath(each) for each in compose_files(compose)}
    fitting = []
    for each in short:
        labels = each.get("Labels") or {}
        if compose.get("service") not in (None, labels.get(COMPOSE + "service")):
            continue
        made_by = compose_files(
            {}, {key: labels.get(COMPOSE + "project." + key, "") for key in ("working_dir", "config_files")}
        )
        same_files = bool(files & {os.path.realpath(path) for path in made_by})
        same_name = labels.get(COMPOSE + "project") == project_of(compose)
        lasts = labels.get(COMPOSE + "oneoff", "False") == "False"
        if lasts and (same_name if compose.get("project") else (same_files or same_name)):
            fitting.append(each)
    services = {(each.get("Labels") or {}).get(COMPOSE + "service") for each in fitting}
    if len(services) > 1:
        listed = ", ".join(sorted(str(each) for each in services))
        raise NotDefined(f"{_called(compose)} has several services: {listed}; name one of them as compose.service")
    return str(min(fitting, key=_order)["Id"]) if fitting else ""


def _order(short: Record) -> Any:
    number = (short.get("Labels") or {}).get(COMPOSE + "container-number", "1")
    return short.get("State") != "running", int(number) if number.isdigit() else 1


def _called(compose: dict[str, Any]) -> str:
    service = f"the compose service {compose['service']}" if compose.get("service") else "the compose project"
    return f"{service} ({project_of(compose) or 'no project'})"


def _names(engine: Engine) -> list[str]:
    try:
        return [name.lstrip("/") for each in engine.containers() for name in each.get("Names") or []]
    except EngineError:
        return []


def _is_inside(pid: int, container: str) -> bool:
    """Whether a process of this host is in that container, as far as its control group or its root tells."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as groups:
            if container in groups.read():
                return True
        return os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    except PermissionError:
        return True  # an engine of this machine said so
    except OSError:
        return False
