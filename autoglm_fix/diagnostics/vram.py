"""vram: the model, its cache and its workspace fit in the memory of the GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.model_sizes import ModelSizes
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.launch import Launch, read
from autoglm_fix.locale import size

from .finding import Finding
from .registry import diagnostic
from .vram_findings import (
    ContextFails,
    DeadHolder,
    EagerGarbles,
    LessFree,
    NoRoom,
    PicturesExceed,
    Tight,
    Unseen,
    WeightsTooLarge,
)
from .vram_need import picture_tokens
from .vram_plan import Plan, own, plan, visible

# Whose start can be computed: they say beforehand what they take, and refuse to start without it.
COMPUTED = ("vllm", "sglang")


@diagnostic()
def vram(
    gpus: Gpus,
    model: ModelFiles,
    sizes: ModelSizes,
    service: Service,
    environment: Environment | Unknown,
    *,
    headroom: float = 0.01,
) -> Iterator[Finding]:
    """The weights, the cache and the workspace fit in the memory of the GPUs that the service may use."""
    for gpu in gpus.gpus:
        for holder in gpu.holders:
            if holder.dead and not holder.service:
                yield DeadHolder(subject=named(gpu), pid=holder.pid, used=holder.used or 0)
    launch = read(service) or Launch(argv=())
    sums = plan(gpus, model, sizes, launch, known(environment))
    settled = service.running is not None and service.state not in ("starting", "restarting")
    if sums is None:
        # One that is up has what it asked for.
        yield from () if settled else _unseen(gpus, launch)
        return
    yield from _hazards(sums)
    if not settled:
        yield from _shortage(sums, headroom)


def known(environment: Environment | Unknown) -> Environment | None:
    """The environment where it could be read: without it the engine's version is open, and its usual defaults count."""
    return environment if isinstance(environment, Environment) else None


def _unseen(gpus: Gpus, launch: Launch) -> Iterator[Finding]:
    """GPUs that are there, and whose memory nobody tells."""
    if launch.options.get("--device") == "cpu":
        return
    used = visible(gpus.gpus, launch.environment)
    if used and not any(gpu.total and gpu.free is not None for gpu in used):
        said = [problem for gpu in used for problem in gpu.problems] or [f"NVML says {gpu.code}" for gpu in used]
        yield Unseen(subject=", ".join(map(named, used)), reason="; ".join(dict.fromkeys(said)))
    elif not gpus.gpus and gpus.problem and gpus.pci:
        yield Unseen(subject="GPU", reason=gpus.problem)


def _hazards(sums: Plan) -> Iterator[Finding]:
    kind = sums.shape.model_type if sums.shape is not None else ""
    if sums.engine == "vllm" and sums.eager and kind in sums.rules.vllm.never_eager:
        yield EagerGarbles(subject="--enforce-eager", model_type=kind)
    if sums.length is not None and sums.length < sums.failing:
        yield ContextFails(
            subject="--max-model-len",
            length=sums.length,
            least=sums.failing,
            version=sums.version,
            model_type=kind,
        )
    pictures = sums.limits.get("image", 1)
    if sums.pictures is not None and sums.length is not None and pictures > 1:
        wide, tall = sums.rules.request.screen
        each = picture_tokens(tall, wide, sums.pictures)
        if pictures * each > sums.length:
            yield PicturesExceed(
                subject="--limit-mm-per-prompt", pictures=pictures, tokens=pictures * each, length=sums.length
            )


def _shortage(sums: Plan, headroom: float) -> Iterator[Finding]:
    subject = ", ".join(map(named, sums.gpus))
    held = [line for gpu in sums.gpus for line in holders(gpu)]
    computed = sums.engine in COMPUTED and sums.share is not None
    if computed and sums.weights > sums.total:
        yield WeightsTooLarge(subject=subject, weights=sums.weights, total=sums.total, ranks=sums.ranks)
        return
    if computed and sums.wanted > sums.spare:
        yield LessFree(
            subject=subject,
            wanted=sums.wanted,
            free=sums.spare,
            total=sums.total,
            share=sums.share or 0.0,
            missing=sums.wanted - sums.spare,
            holders=held,
        )
        return
    need = sums.need
    if need is None and sums.room() >= 0:
        return
    if computed and sums.room() < (need or 0):
        yield NoRoom(
            subject=subject,
            wanted=sums.wanted,
            room=max(sums.room(), 0),
            need=need or 0,
            length=sums.length or 0,
            longest=sums.longest,
            weights=sums.weights,
            beside=sums.beside(),
            total=sums.total,
            free=sums.free,
            share=sums.share or 0.0,
            holders=held,
        )
    elif _is_tight(sums, need or 0, headroom) if computed else sums.weights > sums.free:
        yield Tight(
            subject=subject,
            room=max(sums.room("most"), 0),
            need=need or 0,
            weights=sums.weights,
            beside=sums.beside("most"),
            free=sums.free,
            holders=held,
        )


def _is_tight(sums: Plan, need: int, headroom: float) -> bool:
    return sums.room("most") < need or sums.wanted > sums.spare - headroom * sums.total


def named(gpu: Gpu) -> str:
    """A GPU as messages name it."""
    return f"GPU {gpu.index} ({gpu.name})" if gpu.name else f"GPU {gpu.index}"


def holders(gpu: Gpu) -> list[str]:
    """Who else holds memory of a GPU, the greatest first: "Xorg (pid 812, root, 0.8 GiB)"."""
    found = [holder for holder in gpu.holders if not holder.service]
    found.sort(key=lambda holder: -(holder.used or 0))
    listed = [
        f"{holder.name or '?'} (pid {holder.pid}, {holder.user or '?'}"
        + (f", {size(holder.used)})" if holder.used is not None else ")")
        for holder in found
    ]
    known = sum(holder.used or 0 for holder in found)
    rest = (gpu.used or 0) - own(gpu) - known
    if rest > 256 << 20:
        listed.append(f"{size(rest)} that the driver gives no owner for")
    return listed
