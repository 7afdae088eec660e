"""lower_batch: the launch options of least harm with which the model fits in the memory that there is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpus
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.model_sizes import ModelSizes
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.vram import holders, known, named
from autoglm_fix.diagnostics.vram_cards import cards
from autoglm_fix.diagnostics.vram_findings import ContextFails, EagerGarbles, LessFree, NoRoom, Tight, WeightsTooLarge
from autoglm_fix.diagnostics.vram_need import cache_bytes, picture_tokens
from autoglm_fix.diagnostics.vram_plan import plan
from autoglm_fix.diagnostics.vram_sums import COMPUTED, FEW, LENGTH, LIMITS, SEQUENCES, SHARE, Plan, with_options
from autoglm_fix.launch import Edit, read
from autoglm_fix.locale import size

from .launch_edit import offer
from .registry import Declined, fix

Options = Mapping[str, str]


@fix(LessFree, NoRoom, Tight, ContextFails, EagerGarbles, WeightsTooLarge)
def lower_batch(
    finding: Finding,
    gpus: Gpus,
    model: ModelFiles,
    sizes: ModelSizes,
    service: Service,
    environment: Environment | Unknown,
    *,
    headroom: float = 0.01,
    minimum: int = 1,
) -> Iterator[Change | Declined]:
    """Choose the launch options of least harm that fit, never below what one real request needs.

    Fewer sequences at a time, then pictures and videos, then the share of the GPU up to what is free
    less ``headroom``, then the context. ``minimum`` is the least number of sequences. Nothing that is known
    to garble a model's answers is ever chosen.
    """
    launch = read(service)
    used = cards(gpus, launch, service) if launch is not None else None
    sums = plan(used, model, sizes, launch, known(environment)) if launch is not None and used is not None else None
    if launch is None or sums is None or sums.engine not in COMPUTED:
        yield Declined("lower_batch.own-program", {"engine": launch.engine if launch else "custom"})
        return
    if sums.weights > sums.total and not sums.unknown:
        yield _too_large(sums, gpus)
        return
    without = _without_hazards(sums)
    chosen = choose(without, headroom=headroom, minimum=minimum)
    if chosen is None:
        yield _declined(without, headroom)
        return
    options: dict[str, str | bool | None] = dict(chosen)
    if without is not sums:
        options["--enforce-eager"] = None
    says = "lower_batch.fit" if chosen else "lower_batch.no-eager"
    values = {"options": " ".join(f"{name} {value}" for name, value in chosen.items())}
    yield from offer(service, Edit(options), says=says, values=values)


def _too_large(sums: Plan, gpus: Gpus) -> Declined:
    larger = [gpu for gpu in gpus.gpus if gpu not in sums.gpus and (gpu.total or 0) > sums.weights]
    if larger:
        shown = [f"{named(gpu)}: {size(gpu.total or 0)}" for gpu in larger]
        values = {"weights": sums.weights, "larger": shown, "first": larger[0].index}
        return Declined("lower_batch.larger-gpu", values)
    values = {"weights": sums.weights, "total": sums.total, "ranks": sums.ranks}
    return Declined("lower_batch.weights-too-large", values)


def choose(sums: Plan, *, headroom: float = 0.01, minimum: int = 1) -> Options | None:
    """The options of least harm with which it fits: those of the first rungs that suffice, without needless ones.

    The context comes last: it is what the service promises its callers. None where nothing fits.
    """
    base: Options = _long_enough(sums)
    rungs = [rung for rung in (_sequences(sums, minimum), _pictures(sums), _share(sums, headroom)) if rung]
    for count in range(len(rungs) + 1):
        if _with(sums, base, rungs[:count]).fits():
            return _needed(sums, base, rungs[:count])
    widest = _with(sums, base, rungs)
    name = LENGTH[sums.engine]
    length = min(widest.longest, sums.length or widest.longest) // sums.rules.vllm.block * sums.rules.vllm.block
    if widest.wanted > widest.spare or length < sums.least_length or widest.room() <= 0 or widest.outside() < 0:
        return None
    return _needed(sums, {**base, name: str(length)}, rungs)


def _needed(sums: Plan, base: Options, rungs: list[Options]) -> Options:
    """Those rungs without which it does not fit, the most harmful kept longest."""
    kept = list(rungs)
    for rung in rungs:
        fewer = [each for each in kept if each is not rung]
        if _with(sums, base, fewer).fits():
            kept = fewer
    return {name: value for options in (base, *kept) for name, value in options.items()}


def _with(sums: Plan, base: Options, rungs: Sequence[Options]) -> Plan:
    return with_options(sums, {name: value for options in (base, *rungs) for name, value in options.items()})


def _long_enough(sums: Plan) -> Options:
    """A context that is known to fail is raised to one that does not."""
    if sums.length is not None and sums.length < sums.failing:
        return {LENGTH[sums.engine]: str(sums.least_length)}
    return {}


def _sequences(sums: Plan, minimum: int) -> Options:
    few = max(FEW, minimum)
    return {SEQUENCES[sums.engine]: str(few)} if sums.sequences > few else {}


def _pictures(sums: Plan) -> Options:
    """As many pictures as one context holds, and no video: phones send screenshots."""
    if sums.engine != "vllm" or sums.pictures is None or sums.length is None:
        return {}
    request = sums.rules.request
    each = picture_tokens(request.screen[1], request.screen[0], sums.pictures)
    room = (sums.length - request.text_tokens - request.answer_tokens) // each
    images = max(1, min(sums.limits.get("image", 1), room))
    wanted = {"image": images, "video": 0}
    return {} if dict(sums.limits) == wanted else {LIMITS: json.dumps(wanted, separators=(",", ":"))}


def _share(sums: Plan, headroom: float) -> Options:
    """The largest share of the GPU that the engine can have now."""
    if sums.share is None:
        return {}
    most = _static_share(sums, headroom) if sums.is_static else sums.spare / sums.total - headroom
    most = min(math.floor(most * 10_000) / 10_000, max(sums.rules.vllm.most_share, sums.share))
    if most <= 0 or most == sums.share:
        return {}
    return {SHARE[sums.engine]: f"{most:g}"}


def _static_share(sums: Plan, headroom: float) -> float:
    """The share that leaves what lives beside it its place: as much as that may need at most, if the rest then fits."""

    def leaving(which: str) -> float:
        return 1 - sums.workspace(which) / max(sums.base(which), 1) - headroom

    shares = [leaving(which) for which in ("most", "usual")]
    return next((share for share in shares if replace(sums, share=share).fits()), shares[-1])


def _without_hazards(sums: Plan) -> Plan:
    """The sums without an option that garbles this model's answers."""
    kind = sums.shape.model_type if sums.shape is not None else ""
    garbles = sums.engine == "vllm" and sums.eager and kind in sums.rules.vllm.never_eager
    return replace(sums, eager=False) if garbles else sums


def _declined(sums: Plan, headroom: float) -> Declined:
    """What would have to be free, and who holds it."""
    cache = 0
    if sums.shape is not None:
        cache = cache_bytes(sums.shape, sums.least_length, value_bytes=sums.value_bytes, ranks=sums.ranks)
    few = replace(sums, sequences=min(sums.sequences, FEW))
    beside = few.beside() or few.workspace() + few.free - few.base()
    needed = few.weights + beside + cache + math.ceil(headroom * sums.total) + sums.free - sums.spare
    held = [line for gpu in sums.gpus for line in holders(gpu)]
    length = sums.least_length
    if needed > sums.total or not held:
        return Declined(
            "lower_batch.nothing-fits",
            {"needed": needed, "total": sums.total, "free": sums.free, "length": length},
        )
    return Declined(
        "lower_batch.held-by-others",
        {"missing": needed - sums.free, "needed": needed, "holders": held, "length": length},
    )
