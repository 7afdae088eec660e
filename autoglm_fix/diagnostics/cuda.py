"""cuda: driver, CUDA, cards, Python and the build of torch fit together, and the service reaches its GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.launch import Launch, read

from .cuda_builds import Judged
from .cuda_driver import NO_LIBRARY, absent, driver, libcuda
from .cuda_driver_findings import GpuNeeded, NoGpu
from .cuda_findings import Float16, Float16Instead, NoBfloat16
from .cuda_installed import Installed, read_installed
from .cuda_libraries import libraries
from .cuda_machine import Pair, capability, read_machine, shown
from .cuda_reach import closed, contained, hidden, private, visible
from .cuda_start import kernel
from .cuda_start_findings import Xid
from .finding import Finding
from .registry import diagnostic
from .vram_cards import cards as in_order
from .vram_cards import taken

# They compute without torch, and without a GPU where they find none.
_OWN_CODE = ("llama.cpp", "ollama")
_BFLOAT16: Pair = (8, 0)


@diagnostic()
def cuda(gpus: Gpus, environment: Environment | Unknown, service: Service) -> Iterator[Finding]:
    """Driver, CUDA, cards, Python and the build of torch fit together, and the service reaches its GPUs."""
    if isinstance(environment, Unknown):
        environment = Environment(python="", host="", version="")  # the driver's part can be told all the same
    launch = read(service)
    variables = _variables(service, launch)
    installed = read_installed(environment, launch.engine if launch else "", autoglm="autoglm" in _model(launch))
    yield from libraries(service, environment, variables)
    if _wants_cpu(launch) or installed.versions.get("vllm", "").endswith("+cpu"):
        return
    if absent(gpus):
        yield _without_gpu(installed, launch)
    else:
        refused = [*driver(gpus), *kernel(gpus, service)]
        yield from refused
        if gpus.gpus or (gpus.module and gpus.nvml == NO_LIBRARY):
            own_code = launch is not None and launch.engine in _OWN_CODE
            user = (launch.user if launch else None) or (service.running.user if service.running else "")
            shut = [] if own_code else [*hidden(gpus, service, variables), *private(service)]
            if service.defined is None or service.defined.container is None:
                shut += closed(gpus, user or gpus.cuda.user)
            elif not own_code:
                shut += contained(gpus, service)
            yield from shut
            explained = bool(shut) or any(not isinstance(each, Xid) for each in refused)
            yield from libcuda(gpus, explained=explained)
    if environment.version:
        cards = [card for card in visible(gpus.gpus, variables) if card.code is None]
        machine = read_machine(gpus, environment, cards)
        yield from Judged(machine, installed, cards, environment.musl).findings()
        used = taken(in_order(gpus, launch, service), launch) if launch else []
        yield from _halves(launch, [card for card in used if card.code is None])


def _without_gpu(installed: Installed, launch: Launch | None) -> Finding:
    engine, torch = installed.engine, installed.torch
    if launch and engine and launch.engine == engine.name and engine.cuda and (torch is None or torch.cuda):
        return GpuNeeded(subject="GPU", engine=f"{engine.name} {engine.version}")
    return NoGpu(subject="GPU")


def _variables(service: Service, launch: Launch | None) -> dict[str, str]:
    defined = service.defined.environment if service.defined else None
    running = service.running.environment if service.running and not service.defined else None
    return {**(defined or running or {}), **(launch.environment if launch else {})}


def _model(launch: Launch | None) -> str:
    return f"{launch.model} {launch.served_model_name}".lower() if launch else ""


def _wants_cpu(launch: Launch | None) -> bool:
    device = launch.options.get("--device") if launch else None
    return device == "cpu" or bool(launch and launch.environment.get("VLLM_TARGET_DEVICE") == "cpu")


def _halves(launch: Launch | None, cards: Sequence[Gpu]) -> Iterator[Finding]:
    """Sixteen bits: which of the two kinds the cards and the launch allow, and what that does to the model."""
    known = [(numbers, card) for card in cards if (numbers := capability(card)) is not None]
    if launch is None or launch.engine not in ("vllm", "sglang") or not known:
        return
    least, card = min(known, key=lambda each: each[0])
    dtype = str(launch.options.get("--dtype", "auto")).lower()
    if launch.engine == "vllm" and dtype == "bfloat16" and least < _BFLOAT16:
        yield NoBfloat16(subject="--dtype", engine=launch.engine, card=card.name, capability=shown(least))
    elif dtype in ("half", "float16") or (dtype in ("auto", "bfloat16") and least < _BFLOAT16):
        if "glm" in _model(launch):
            model = launch.model or launch.served_model_name or ""
            yield Float16(subject="--dtype", model=model, card=card.name, capability=shown(least))
        elif least < _BFLOAT16 and dtype in ("auto", "bfloat16"):
            yield Float16Instead(subject="--dtype", engine=launch.engine, card=card.name, capability=shown(least))
