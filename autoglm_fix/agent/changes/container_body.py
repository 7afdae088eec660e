"""What an engine is asked for to make a container anew: its record, with another command and environment."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

Body = Dict[str, Any]

REPLACES = "autoglm-fix.replaces"  # ids of the containers that this one stands in for, oldest first

# What the two records must agree on; of the host's part all but this.
_SAME_CONFIG = ("User", "WorkingDir", "Healthcheck", "ExposedPorts", "Tty", "Domainname", "StopSignal", "StopTimeout")
_OTHERWISE_TOLD = ("Binds", "Mounts", "ContainerIDFile", "ConsoleSize")  # the list of mounts says it better
_UNSET: tuple[Any, ...] = (None, "", 0, False)


def launch_of(record: Body) -> tuple[list[str], list[str]]:
    """Entrypoint and command of a container."""
    config = record.get("Config") or {}
    return list(config.get("Entrypoint") or []), list(config.get("Cmd") or [])


def relaunched(record: Body, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Entrypoint and command for a whole launch command: the entrypoint stays where the command begins with it."""
    entrypoint, _ = launch_of(record)
    whole = list(argv)
    if whole[: len(entrypoint)] == entrypoint:
        return entrypoint, whole[len(entrypoint) :]
    return whole[:1], whole[1:]  # an empty one would bring the image's back


def variables_of(record: Body) -> dict[str, str]:
    """The environment in a container's record."""
    lines = (record.get("Config") or {}).get("Env") or []
    return {name: value for name, equals, value in (line.partition("=") for line in lines) if equals}


def body_of(
    record: Body, image: str, argv: Sequence[str] | None, environment: Mapping[str, str | None], is_podman: bool
) -> tuple[Body, dict[str, Body]]:
    """What to ask for, and the further networks to connect it to before its start."""
    config, host = dict(record["Config"]), dict(record["HostConfig"])
    if argv is not None:
        config["Entrypoint"], config["Cmd"] = relaunched(record, argv)
    if not config.get("Entrypoint"):
        config.pop("Entrypoint", None)
    config["Image"] = image
    config["Env"] = _environment(config, environment, is_podman)
    labels = config.get("Labels") or {}
    config["Labels"] = {**labels, REPLACES: ",".join(filter(None, [labels.get(REPLACES), record["Id"]]))}
    mode = str(host.get("NetworkMode") or "")
    named = str(config.get("Hostname") or "")
    if (
        mode == "host"
        or mode.startswith("container:")
        or host.get("UTSMode") == "host"
        or record["Id"].startswith(named)
    ):
        config.pop("Hostname", None)  # the engine's own choice
    if mode.startswith("container:"):
        for name in ("ExposedPorts", "MacAddress"):
            config.pop(name, None)
    if is_podman:
        host = _as_podman_takes_it(host)
    host["Binds"] = _binds(record, host)
    endpoints = _endpoints(record, mode)
    first = mode if mode in endpoints else next(iter(endpoints), "")
    body = {**config, "HostConfig": host}
    if first:
        body["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints.pop(first)}}
    return body, endpoints


def differences(old: Body, new: Body) -> list[str]:
    """What the engine did not give the new container as the old one has it, by its name in the record."""
    found = [] if old["Image"] == new["Image"] else ["Image"]
    for key, names in (("Config", _SAME_CONFIG), ("HostConfig", sorted(set(old["HostConfig"]) - set(_OTHERWISE_TOLD)))):
        found += [name for name in names if _plain(old[key].get(name)) != _plain(new[key].get(name))]
    labels = [(each.get("Config") or {}).get("Labels") or {} for each in (old, new)]
    if any(labels[1].get(name) != value for name, value in labels[0].items() if name != REPLACES):
        found.append("Labels")
    return found if _mounts(old) == _mounts(new) else [*found, "Mounts"]


def _environment(config: Body, changed: Mapping[str, str | None], is_podman: bool) -> list[str]:
    lines = [line for line in config.get("Env") or [] if line.partition("=")[0] not in changed]
    if is_podman:
        lines = [line for line in lines if not line.startswith(("HOSTNAME=", "container="))]
    # A bare name takes out a variable that the image sets.
    return lines + [name if value is None else f"{name}={value}" for name, value in changed.items()]


def _as_podman_takes_it(host: Body) -> Body:
    """Podman says of a setting that was not made 0 or nothing, and would take that as the setting."""
    kept = {name: value for name, value in host.items() if _plain(value) is not None and name != "Runtime"}
    host = {**kept, "PidsLimit": host.get("PidsLimit")}  # for which 0 is none, and nothing a default
    limits = host.get("Ulimits") or []
    host["Ulimits"] = [{**each, "Name": str(each["Name"]).replace("RLIMIT_", "").lower()} for each in limits]
    return host


def _binds(record: Body, host: Body) -> list[str]:
    """The binds, with the volumes that have no name but their own: the new container takes over what is in them."""
    binds: list[str] = list(host.get("Binds") or [])
    taken = {bind.split(":")[1] for bind in binds if ":" in bind} | {
        each.get("Target") for each in host.get("Mounts") or []
    }
    for each in record.get("Mounts") or []:
        if each.get("Type") == "volume" and each["Destination"] not in taken and each.get("Name"):
            binds.append(f"{each['Name']}:{each['Destination']}" + ("" if each.get("RW", True) else ":ro"))
    return binds


def _endpoints(record: Body, mode: str) -> dict[str, Body]:
    if mode in ("host", "none") or mode.startswith("container:"):
        return {}
    networks = (record.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        name: {
            "IPAMConfig": each.get("IPAMConfig"),
            "Links": each.get("Links"),
            "DriverOpts": each.get("DriverOpts"),
            "Aliases": [alias for alias in each.get("Aliases") or [] if not record["Id"].startswith(alias)] or None,
        }
        for name, each in networks.items()
        if each is not None
    }


def _plain(value: Any) -> Any:
    """The value, None for every way to say that it is unset; lists without their order."""
    if isinstance(value, list):
        return sorted(map(repr, map(_plain, value))) or None
    if isinstance(value, dict):
        kept = {name: _plain(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None} or None
    return None if value in _UNSET else value


def _mounts(record: Body) -> list[tuple[Any, ...]]:
    mounts = record.get("Mounts") or []
    return sorted((each["Destination"], str(each.get("Source")), bool(each.get("RW", True))) for each in mounts)
