"""Why a container must not be made anew: what would be lost with it, or who else defines it."""

from __future__ import annotations

from ..definition.container_record import COMPOSE
from ..definition.engine_api import Engine, EngineError, Record
from ..definition.own_layer import data_of
from . import CannotChange

# Labels of those who make containers from a definition of their own, and would undo ours.
_MADE_BY = {
    COMPOSE + "project": "a compose file",
    "com.docker.swarm.service.id": "a swarm service",
    "io.kubernetes.pod.name": "Kubernetes",
    "PODMAN_SYSTEMD_UNIT": "a systemd unit",
}
_SHARED = {"NetworkMode": "network", "IpcMode": "shared memory", "PidMode": "processes"}
_DEFINED_THERE = "declare it with the manager that defines it, so that the change is made there"


def refuse_loss(engine: Engine, record: Record) -> None:
    """CannotChange, with what can be done about it; EngineError where the engine does not say."""
    name, config, host = str(record["Name"]).lstrip("/"), record.get("Config") or {}, record.get("HostConfig") or {}
    for label, who in _MADE_BY.items():
        if label in (config.get("Labels") or {}):
            raise CannotChange(f"{name} is defined by {who}", hint=_DEFINED_THERE)
    if host.get("AutoRemove"):
        raise CannotChange(
            f"{name} is removed as soon as it stops (--rm), so it could not be brought back",
            hint="whoever starts it has its command: change it there",
        )
    if engine.is_podman:
        _refuse_for_podman(engine, name, record)
    for short in engine.containers():
        for what in _shared(engine, short, record):
            other = str((short.get("Names") or [short["Id"][:12]])[0]).lstrip("/")
            raise CannotChange(f"{other} shares the {what} of {name} and would lose it", hint=f"remove {other} first")
    lost = data_of(engine, record["Id"])
    if lost:
        raise CannotChange(
            f"{name} holds what is in no volume and would be lost: {', '.join(lost[:3])}",
            hint=f"copy it out first: docker cp {name}:{lost[0]} .",
        )


def _refuse_for_podman(engine: Engine, name: str, record: Record) -> None:
    host = record["HostConfig"]
    devices = [str(each.get("PathOnHost", "")) for each in host.get("Devices") or []]
    if host.get("DeviceRequests") or any("nvidia" in each or "/dev/dri" in each for each in devices):
        raise CannotChange(
            f"podman keeps no record of how {name} got its GPUs", hint="make it anew with the command that made it"
        )
    policy = host.get("RestartPolicy") or {}
    if policy.get("Name") == "always":
        try:
            engine.update(record["Id"], {"RestartPolicy": policy})  # as it is: only whether it can be set
        except EngineError as err:
            raise CannotChange(
                f"this podman cannot change a restart policy: the old {name}, kept for the undo, would start again"
            ) from err


def _shared(engine: Engine, short: Record, record: Record) -> list[str]:
    """What another container takes from this one."""
    host = engine.inspect(short["Id"]).get("HostConfig") or {}
    ours = (f"container:{record['Id']}", f"container:{str(record['Name']).lstrip('/')}")
    return [what for mode, what in _SHARED.items() if host.get(mode) in ours]
