"""vram: the model, its cache and its workspace fit in the memory of the GPUs."""

from __future__ import annotations

from collections.abc import Iterator

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.model_sizes import ModelSizes
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.launch import Launch, read
from autoglm_fix.locale import size

from .coming_up import answers, has_come_up
from .finding import Finding
from .registry import diagnostic
from .vram_cards import Cards, cards
from .vram_findings import (
    ContextFails,
    DeadHolder,
    EagerGarbles,
    LessFree,
    NoRoom,
    PicturesExceed,
    Sliced,
    Tight,
    Uncomputed,
    Unseen,
    WeightsTooLarge,
)
from .vram_need import picture_tokens
from .vram_plan import own, plan
from .vram_sums import COMPUTED, SHARE, Plan


@diagnostic()
def vram(
    gpus: Gpus,
    model: ModelFiles,
    sizes: ModelSizes,
    service: Service,
    environment: Environment | Unknown,
    start: StartUp | Unknown,
    *,
    headroom: float = 0.01,
) -> Iterator[Finding]:
    """The weights, the cache and the workspace fit in the memory of the GPUs that the service may use."""
    for gpu in gpus.gpus:
        for holder in gpu.holders:
            if holder.dead and not holder.service:
                yield DeadHolder(subject=named(gpu), pid=holder.pid, used=holder.used or 0)
    launch = read(service) or Launch(argv=())
    used = cards(gpus, launch, service)
    sums = plan(used, model, sizes, launch, known(environment))
    # One that is up has what it asked for.
    has_room = has_come_up(service, answers(start, service))
    if sums is None:
        yield from () if has_room else _unseen(gpus, used, launch)
        return
    yield from _hazards(sums)
    if not has_room:
        yield from _shortage(sums, headroom)


def known(environment: Environment | Unknown) -> Environment | None:
    """The environment where it could be read: without it the engine's version is open, and its usual defaults count."""
    return environment if isinstance(environment, Environment) else None


def _unseen(gpus: Gpus, cards: Cards, launch: Launch) -> Iterator[Finding]:
    """GPUs that are there, and whose memory nobody tells."""
    if launch.options.get("--device") == "cpu":
        return
    used = cards.used
    if cards.sliced:
        yield Sliced(subject=", ".join(map(named, used)))
    elif used and not any(gpu.total and gpu.free is not None for gpu in used):
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
    """What is too small for sure; an estimate alone is a warning."""
    subject = ", ".join(map(named, sums.gpus))
    held = [line for gpu in sums.gpus for line in holders(gpu)]
    if sums.engine not in COMPUTED:
        if sums.weights > sums.free and not sums.unknown:
            yield _tight(sums, subject, held)
    elif sums.unknown:
        yield Uncomputed(subject=subject, unknown=list(sums.unknown))
    elif sums.weights > sums.total:
        yield WeightsTooLarge(subject=subject, weights=sums.weights, total=sums.total, ranks=sums.ranks)
    elif sums.share is None:
        yield Uncomputed(subject=subject, unknown=[SHARE[sums.engine]])
    elif sums.wanted > sums.spare:
        yield LessFree(
            subject=subject,
            wanted=sums.wanted,
            free=sums.spare,
            total=sums.total,
            share=sums.share,
            missing=sums.wanted - sums.spare,
            holders=held,
        )
    elif sums.room("least") < (sums.need or 0):
        yield NoRoom(
            subject=subject,
            wanted=sums.wanted,
            room=max(sums.room(), 0),
            need=sums.need or 0,
            length=sums.tokens or 0,
            longest=sums.longest,
            weights=sums.weights,
            beside=sums.beside(),
            total=sums.total,
            free=sums.free,
            share=sums.share,
            holders=held,
        )
    elif _is_tight(sums, headroom):
        yield _tight(sums, subject, held)


def _is_tight(sums: Plan, headroom: float) -> bool:
    if sums.need is None and sums.room() >= 0:
        return sums.outside() < 0
    if sums.room("most") < (sums.need or 0) or sums.outside() < 0:
        return True
    return not sums.is_static and sums.wanted > sums.spare - headroom * sums.total


def _tight(sums: Plan, subject: str, held: list[str]) -> Finding:
    return Tight(
        subject=subject,
        room=max(sums.room("most"), 0),
        need=sums.need or 0,
        weights=sums.weights,
        beside=sums.beside("most") or sums.workspace("most"),
        free=sums.free,
        holders=held,
    )


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
