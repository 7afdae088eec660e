"""recreate: a container with another command or environment, made anew from its own record."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping

from ..context import Context
from ..definition import NotDefined
from ..definition.container_record import Found
from ..definition.engine_api import Engine, EngineError, Record
from ..unknown import CannotTell
from . import CannotChange, Preview
from .container_body import REPLACES, body_of, differences, launch_of, relaunched, variables_of

_STOP_S = 3600.0  # the engine kills it after the time of its record, not we


@dataclass(frozen=True)
class Recreate:
    """Replace a container by one like it that starts otherwise: the same image (by digest), mounts, devices, limits.

    ``container`` is its name, ``id`` the container that this was planned on (``Container.id``; empty for
    whichever has the name). ``argv`` is the whole launch command as ``Definition.argv`` has it (entrypoint and
    command together), None to leave it. ``environment`` sets variables; None takes one out. It counts as up once
    it has run for ``settle`` seconds.

    The old container stays, stopped and under another name, so that undo brings itself back. Refused where
    something would be lost with it: files in its own layer, or settings that the engine does not take again.
    """

    container: str
    id: str = ""
    argv: list[str] | None = None
    environment: dict[str, str | None] = field(default_factory=dict)
    settle: float = 3.0
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "recreate"
    risk: ClassVar[str] = "restart"
    undo: ClassVar[str] = "state"

    @property
    def path(self) -> str:
        """The container's name."""
        return self.container

    def preview(self, ctx: Context) -> Preview:
        diff = ""
        try:
            engine, record = self._found()
            diff = self._diff(record)
            self._refuse(engine, record)
        except CannotChange as err:
            return Preview(diff, str(err), err.hint)
        return Preview(diff)

    def before(self, ctx: Context, folder: str) -> dict[str, Any]:
        engine, record = self._found()
        self._refuse(engine, record)
        return {
            "engine": engine.address,
            "name": self.container,
            "id": record["Id"],
            "runs": bool(record["State"].get("Running") or record["State"].get("Restarting")),
            "policy": (record.get("HostConfig") or {}).get("RestartPolicy") or {"Name": "no"},
        }

    def make(self, ctx: Context) -> None:
        from .restart import Restart

        engine, record = self._found()
        try:
            made = self._made(engine, record)
            old = record["Id"]
            if _comes_back(record):
                engine.update(old, {"RestartPolicy": {"Name": "no"}})
            # The names first: whoever starts it again as soon as it stops shall start the new one.
            engine.rename(old, _kept_name(self.container, old))
            engine.rename(made, self.container)
            ctx.progress(f"stopping {self.container}", 0, 1, "containers")
            engine.stop(old, _STOP_S)
        except EngineError as err:
            raise CannotChange(str(err)) from err
        service = {"name": self.container, "manager": "docker", "container": self.container}
        Restart(service, self.container, settle=self.settle).make(ctx)

    @classmethod
    def put_back(cls, ctx: Context, before: dict[str, Any]) -> None:
        """The old container has its name again, and runs where it ran. One that somebody removed is said."""
        name, old = before["name"], before["id"]
        try:
            engine = _engine_of(before)
            record = _inspected(engine, old)
            if record is None:
                ctx.log(f"the container {old[:12]}, which was {name}, has been removed: it cannot be brought back")
                return
            current = _inspected(engine, name)
            if current is not None and current["Id"] != old and old not in _replaced(current):
                ctx.log(f"{name} is another container by now: {old[:12]} stays as {_name(record)}")
                return
            for each in _stand_ins(engine, name, old):
                engine.stop(each, _STOP_S)
                engine.remove(each)
            if _name(record) != name:
                engine.rename(old, name)
            if before["policy"].get("Name") != (record["HostConfig"].get("RestartPolicy") or {}).get("Name"):
                engine.update(old, {"RestartPolicy": before["policy"]})
            if before["runs"]:
                engine.start(old)
            else:
                engine.stop(old, _STOP_S)
        except EngineError as err:
            raise CannotChange(f"{name} cannot be brought back: {err}") from err

    @classmethod
    def fingerprint(cls, ctx: Context, before: dict[str, Any]) -> list[Any]:
        """Which container has the name."""
        try:
            current = _inspected(_engine_of(before), before["name"])
        except EngineError as err:
            return [str(err)]
        return [current["Id"] if current is not None else "absent"]

    def _found(self) -> tuple[Engine, Record]:
        """The container as it is now. CannotChange where it is not the one that this was planned on."""
        try:
            found = Found.collect(Context(), container=self.container)
        except (NotDefined, CannotTell) as err:
            raise CannotChange(str(err)) from err
        if self.id and found.record["Id"] != self.id:
            hint = "run again to plan on the container as it is"
            raise CannotChange(f"{self.container} was made anew since it was looked at", hint=hint)
        engine = Engine(found.engine)
        engine.is_podman = found.is_podman
        return engine, found.record

    def _refuse(self, engine: Engine, record: Record) -> None:
        from .container_loss import refuse_loss

        try:
            refuse_loss(engine, record)
        except EngineError as err:
            raise CannotChange(f"whether anything would be lost cannot be told: {err}") from err

    def _made(self, engine: Engine, record: Record) -> str:
        """The id of a new container, which has not been started. CannotChange where it is not like the old one."""
        staged = self.container + ".autoglm-fix-new"
        left = _inspected(engine, staged)
        if left is not None and _replaced(left):
            engine.remove(left["Id"])
        body, networks = body_of(record, _image(engine, record), self.argv, self.environment, engine.is_podman)
        made = engine.create(staged, body)
        try:
            for network, endpoint in networks.items():
                engine.connect(network, made, endpoint)
            new = engine.inspect(made)
            lost = differences(record, new)
            kept = [name for name, value in self.environment.items() if variables_of(new).get(name) != value]
            if lost or kept:
                raise CannotChange(f"the engine does not give the new container the same {', '.join([*lost, *kept])}")
        except (EngineError, CannotChange):
            engine.remove(made)
            raise
        return made

    def _diff(self, record: Record) -> str:
        entrypoint, command = launch_of(record)
        old = [*entrypoint, *command]
        new = old if self.argv is None else [word for part in relaunched(record, self.argv) for word in part]
        variables = variables_of(record)
        before, after = launch_lines(old, variables), launch_lines(new, {**variables, **self.environment})
        return "\n".join(difflib.unified_diff(before, after, self.container, self.container, lineterm=""))


def launch_lines(words: list[str], variables: Mapping[str, str | None]) -> list[str]:
    """A launch as lines: its program, an option with its value each, its environment.

    Indented, so that the marks of a diff do not run into what a masker looks for.
    """
    lines = [" "]
    for word in words:
        starts = word.startswith("-") or (lines[-1].startswith("    ") and " " in lines[-1].strip())
        if starts:
            lines.append("   ")
        lines[-1] += " " + shlex.quote(word)
    return [
        *lines,
        "",
        *(f"  {name}={shlex.quote(value)}" for name, value in sorted(variables.items()) if value is not None),
    ]


def _image(engine: Engine, record: Record) -> str:
    """The name of the container's image where it still means the same, else its digest. CannotChange: it is gone."""
    digest, name = str(record["Image"]), str((record.get("Config") or {}).get("Image") or "")
    for each in (name, digest):
        try:
            if each and _digest(engine.image(each)["Id"]) == _digest(digest):
                return each
        except EngineError as err:
            if err.status != 404:
                raise
    raise CannotChange(f"the image {name or digest} is not on this host any more")


def _digest(image: object) -> str:
    return str(image).rpartition(":")[2]


def _comes_back(record: Record) -> bool:
    """Whether it starts with the machine even where it was stopped."""
    policy = (record.get("HostConfig") or {}).get("RestartPolicy") or {}
    return bool(policy.get("Name") == "always")


def _kept_name(name: str, container: str) -> str:
    return f"{name}.autoglm-fix-{container[:12]}"


def _name(record: Record) -> str:
    return str(record.get("Name", "")).lstrip("/")


def _replaced(record: Record) -> list[str]:
    """The containers that this one stands in for."""
    labels = (record.get("Config") or {}).get("Labels") or {}
    return [each for each in str(labels.get(REPLACES, "")).split(",") if each]


def _stand_ins(engine: Engine, name: str, old: str) -> list[str]:
    """The containers of that name, or kept aside from it, that stand in for the old one."""
    found = []
    for each in engine.containers([REPLACES]):
        named = [given.lstrip("/") for given in each.get("Names") or []]
        ours = any(given == name or given.startswith(name + ".autoglm-fix-") for given in named)
        if ours and old in str((each.get("Labels") or {}).get(REPLACES, "")).split(","):
            found.append(str(each["Id"]))
    return found


def _engine_of(before: dict[str, Any]) -> Engine:
    """The engine that had the container; where it does not listen there any more, the one that has it now."""
    engine = Engine(before["engine"])
    try:
        _inspected(engine, before["id"])
    except EngineError:
        try:
            return Engine(Found.collect(Context(), container=before["id"]).engine)
        except (NotDefined, CannotTell):
            return engine
    return engine


def _inspected(engine: Engine, container: str) -> Record | None:
    try:
        return engine.inspect(container)
    except EngineError as err:
        if err.status == 404:
            return None
        raise
