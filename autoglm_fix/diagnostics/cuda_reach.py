"""Whether the service can reach the GPUs that the driver has: variables, device nodes, units, containers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.agent.facts.service import Service

from .cuda_reach_findings import (
    AccessLost,
    ContainerWithout,
    Hidden,
    NodesClosed,
    NoNodes,
    NoPermission,
    PrivateDevices,
)
from .finding import Finding

_LOST = re.compile(r"Failed to initialize NVML: Unknown Error", re.IGNORECASE)
_SETTING = re.compile(r"^\s*(PrivateDevices|DevicePolicy|DeviceAllow)\s*=\s*(.*?)\s*$", re.MULTILINE)
_TRUE = ("yes", "true", "1", "on")
_NO_GPU = ("", "void", "none")  # what NVIDIA_VISIBLE_DEVICES says for none


def visible(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves: all up to the first name that is none.

    Numbers go by speed unless CUDA_DEVICE_ORDER says otherwise: where the cards differ, they could mean any.
    """
    said = environment.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return list(gpus)
    found: list[Gpu] = []
    for entry in said.split(","):
        chosen = _chosen(entry.strip(), gpus)
        if chosen is None:
            break
        found += chosen
    by_bus = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    alike = len({(each.name, each.capability) for each in gpus}) < 2
    named = all(not entry.strip().isdigit() for entry in said.split(","))
    return found if by_bus or alike or named or not found else list(gpus)


def _chosen(entry: str, gpus: Sequence[Gpu]) -> list[Gpu] | None:
    if entry.isascii() and entry.isdigit():
        number = int(entry) if len(entry) < 9 else len(gpus)
        return [gpus[number]] if number < len(gpus) else None
    if entry.startswith("MIG-"):
        return list(gpus)
    return [each for each in gpus if entry.startswith("GPU-") and each.uuid.startswith(entry)] or None


def hidden(gpus: Gpus, service: Service, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that hide every GPU from the service."""
    said = environment.get("CUDA_VISIBLE_DEVICES")
    name = "CUDA_VISIBLE_DEVICES"
    if said is None or visible(gpus.gpus, environment):
        contained = service.defined is not None and service.defined.container is not None
        name, said = "NVIDIA_VISIBLE_DEVICES", environment.get("NVIDIA_VISIBLE_DEVICES")
        if not contained or said is None or said.strip() not in _NO_GPU:
            return
    yield Hidden(subject=name, variable=name, value=said, count=len(gpus.gpus))


def closed(gpus: Gpus, user: str) -> Iterator[Finding]:
    """What keeps a service of the host from the device nodes."""
    met = gpus.cuda
    if met.init == 0 and not met.host_only and user in ("", met.user):
        return
    needed = [node for node in gpus.nodes if re.fullmatch(r"/dev/nvidia(\d+|ctl|-uvm)", node.path)]
    shut = [node for node in needed if not node.allowed]
    if shut:
        first, paths = shut[0], [node.path for node in shut]
        if first.mode[-2:-1] in ("6", "7") and first.group != "root":
            yield NoPermission(subject=first.path, user=user, nodes=paths, group=first.group)
        else:
            yield NodesClosed(subject=first.path, user=user, nodes=paths, mode=first.mode)
    if gpus.module and not needed:
        yield NoNodes(subject="/dev/nvidiactl", module=gpus.module)


def private(service: Service) -> Iterator[Finding]:
    """A unit's settings that hide device nodes; the last file that sets one counts."""
    settings: dict[str, tuple[str, str]] = {}
    allows = False
    for source in service.defined.sources if service.defined else []:
        if source.kind in ("unit", "drop-in"):
            for name, value in _SETTING.findall(source.file.text or ""):
                settings[name] = (value, source.file.host or source.file.inside)
                allows = allows or (name == "DeviceAllow" and "nvidia" in value)
    value, path = settings.get("PrivateDevices", ("", ""))
    if value.lower() in _TRUE:
        yield PrivateDevices(subject=path, setting=f"PrivateDevices={value}", path=path)
    value, path = settings.get("DevicePolicy", ("", ""))
    if value.lower() in ("closed", "strict") and not allows:
        yield PrivateDevices(subject=path, setting=f"DevicePolicy={value}", path=path)


def contained(gpus: Gpus, service: Service) -> Iterator[Finding]:
    """A container that was made without GPUs, or lost them."""
    container = service.defined.container if service.defined else None
    if container is None:
        return
    host = container.record.get("HostConfig")
    if isinstance(host, dict) and not _with_gpus(host):
        yield ContainerWithout(subject=container.name, container=container.name, count=len(gpus.gpus))
    line = next((line for line in reversed(service.log) if _LOST.search(line)), None)
    if line is not None:
        yield AccessLost(subject=container.name, line=line)


def _with_gpus(host: Mapping[str, object]) -> bool:
    devices = host.get("Devices")
    given = (
        [str(each.get("PathOnHost")) for each in devices if isinstance(each, dict)] if isinstance(devices, list) else []
    )
    return bool(
        host.get("DeviceRequests")
        or host.get("Privileged")
        or host.get("Runtime") == "nvidia"
        or any("nvidia" in each for each in given)
    )
