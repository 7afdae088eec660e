"""Which GPUs a service computes on, as far as its definition says. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import Launch

from .cuda_machine import capability
from .cuda_reach import visible
from .vram_need import number

RANKS, STAGES = "--tensor-parallel-size", "--pipeline-parallel-size"
_VARIABLE = "CUDA_VISIBLE_DEVICES"
_ALL = ("", "all", "void", "none")
_DEVICES = re.compile(r"device=([\w,-]+)")


@dataclass(frozen=True)
class Cards:
    """The GPUs that a service may use, in the order in which it takes them.

    ``sure`` is False where the cards differ and nothing says which one CUDA calls the first: the largest comes first
    then. ``alike``: all that it sees have the same memory. ``sliced``: it computes on a part of a card (MIG).
    ``unread``: a file names the cards in a way that is not read here.
    """

    used: tuple[Gpu, ...]
    sure: bool = True
    alike: bool = True
    sliced: bool = False
    unread: bool = False


def cards(gpus: Gpus, launch: Launch, service: Service) -> Cards:
    """The GPUs of a launch: what its container was given, of that what CUDA_VISIBLE_DEVICES leaves, in CUDA's order."""
    handed = _handed(gpus.gpus, launch, service)
    used = visible(handed, launch.environment)
    names = [word.strip() for word in launch.environment.get(_VARIABLE, "").split(",") if word.strip()]
    by_bus = launch.environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    named = bool(names) and not any(name.isdigit() for name in names)
    sure = by_bus or named or len({_kind(gpu) for gpu in handed}) < 2
    sliced = any(name.startswith("MIG-") for name in names) or any(gpu.mig for gpu in used)
    unread = len(handed) > 1 and _container(service) is None and _names_devices(service)
    ordered = used if sure else sorted(used, key=_size, reverse=True)
    return Cards(tuple(ordered), sure, len({gpu.total for gpu in handed}) < 2, sliced, unread)


def taken(cards: Cards, launch: Launch) -> list[Gpu]:
    """The GPUs that vLLM or SGLang takes: for each replica on this host as many as share one model."""
    options = launch.options
    replicas = count(options.get("--data-parallel-size-local", options.get("--data-parallel-size")))
    if "--data-parallel-rank" in options or options.get("--enable-dp-attention"):
        replicas = 1
    first, step = 0, 1
    if launch.engine == "sglang" and cards.sure:
        first, step = count(options.get("--base-gpu-id"), 0), count(options.get("--gpu-id-step"))
    each = count(options.get(RANKS)) * count(options.get(STAGES))
    return list(cards.used[first::step][: each * replicas] or cards.used[-1:])


def count(said: str | bool | None, usual: int = 1) -> int:
    """A number of GPUs; what is none is the ``usual`` one."""
    read = number(said)
    return max(int(read), usual) if read is not None else usual


def _kind(gpu: Gpu) -> tuple[str, str | None, int | None]:
    return gpu.name, gpu.capability, gpu.total


def _size(gpu: Gpu) -> tuple[int, tuple[int, int]]:
    return gpu.total or 0, capability(gpu) or (0, 0)


def _handed(gpus: Sequence[Gpu], launch: Launch, service: Service) -> list[Gpu]:
    """What a container was given of the host's, by the driver's own numbers or names; all of them elsewhere."""
    names = _names(launch, service)
    if not names:
        return list(gpus)
    found = [gpu for gpu in gpus if any(_is(gpu, name) for name in names)]
    return found or list(gpus)


def _is(gpu: Gpu, name: str) -> bool:
    return name == str(gpu.index) or (name.startswith("GPU-") and gpu.uuid.startswith(name))


def _names(launch: Launch, service: Service) -> list[str]:
    container = _container(service)
    host = container.get("HostConfig") if container is not None else None
    requests = host.get("DeviceRequests") if isinstance(host, Mapping) else None
    if isinstance(requests, list):
        asked = [each.get("DeviceIDs") for each in requests if isinstance(each, Mapping)]
        ids = [str(name) for names in asked if isinstance(names, list) for name in names]
        if ids:
            return ids
    asked_for = next(_asked(launch.argv), None)
    if asked_for is not None:
        return asked_for[1].split(",")
    if container is None and "run" not in launch.argv[:3]:
        return []
    said = launch.environment.get("NVIDIA_VISIBLE_DEVICES", "")
    return [] if said.strip() in _ALL else [name.strip() for name in said.split(",")]


def _asked(argv: Sequence[str]) -> Iterator[re.Match[str]]:
    """The cards that ``docker run --gpus`` names."""
    for at, word in enumerate(argv):
        said = " ".join(argv[at : at + 2]) if word == "--gpus" else word if word.startswith("--gpus=") else ""
        found = _DEVICES.search(said)
        if found is not None:
            yield found


def _container(service: Service) -> Mapping[str, object] | None:
    container = service.defined.container if service.defined is not None else None
    return container.record if container is not None else None


def _names_devices(service: Service) -> bool:
    """Whether a compose file hands out single GPUs: of a container that is not there yet its text alone tells."""
    sources = service.defined.sources if service.defined is not None else []
    return any(each.kind == "compose" and "device_ids" in (each.file.text or "") for each in sources)
