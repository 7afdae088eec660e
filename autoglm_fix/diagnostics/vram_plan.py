"""The sums of a launch, from its options, the files of its model and the GPUs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpu
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.model_sizes import ModelSizes
from autoglm_fix.json_text import Json, parse
from autoglm_fix.knowledge.compat import vllm_memory_share
from autoglm_fix.launch import Launch

from .vram_cards import RANKS, STAGES, Cards, count, taken
from .vram_need import (
    CACHE_DTYPES,
    DTYPES,
    Shape,
    length_of,
    number,
    picture_tokens,
    pictures_of,
    shape_of,
    weight_bytes,
)
from .vram_rules import Rules, rules
from .vram_sglang import own_share
from .vram_sums import COMPUTED, LENGTH, LIMITS, SEQUENCES, SHARE, Plan, limits_of
from .vram_unknown import changed, is_fitted, unknown

_HALF = 2  # bytes of a value, to which both engines bring longer ones unless they are told otherwise


def plan(
    cards: Cards, model: ModelFiles, sizes: ModelSizes, launch: Launch, environment: Environment | None
) -> Plan | None:
    """The sums for a launch. None where there is no GPU to count on, or the weights cannot be read."""
    options, computed = launch.options, launch.engine in COMPUTED
    used = taken(cards, launch) if computed else cards.used
    known = tuple(gpu for gpu in used if gpu.total and gpu.free is not None)
    if not known or cards.sliced or options.get("--device") == "cpu":
        return None
    value_bytes = DTYPES.get(str(options.get("--dtype", "")), _HALF if computed else None)
    weights = weight_bytes(model.files, model.used, value_bytes)
    if weights is None:
        return None
    ranks, stages = count(options.get(RANKS)), count(options.get(STAGES))
    total, free = _tightest(known) if computed else (sum(gpu.total or 0 for gpu in known), sum(map(_free, known)))
    own = parse(sizes.config.text).values
    config, preprocessor = changed(own, options), parse(sizes.preprocessor.text).values
    shape, pictures = shape_of(config), pictures_of(config, preprocessor)
    facts = rules()
    installed = environment.installed(launch.engine) if environment is not None else None
    version = installed.version if installed is not None else ""
    limits = limits_of(options)
    each = picture_tokens(facts.request.screen[1], facts.request.screen[0], pictures) if pictures else 0
    request = facts.request.text_tokens + each + facts.request.answer_tokens if pictures else facts.request.plain_tokens
    length = options.get(LENGTH.get(launch.engine, ""))
    fitted = launch.engine == "vllm" and is_fitted(length)
    deciding = tuple(names[launch.engine] for names in (SHARE, LENGTH) if launch.engine in names)
    unsure = [*unknown(launch, own, (*deciding, RANKS, STAGES) if computed else (), facts)]
    if cards.unread:
        unsure.append("device_ids")
    if computed and pictures and limits and not any(limits.values()):
        # What is never used may be left out.
        unsure.append(LIMITS)
    share = _share(launch, version, total if cards.alike else None, ranks, stages, config, facts)
    return Plan(
        engine=launch.engine,
        version=version,
        gpus=known,
        ranks=ranks,
        total=total,
        free=free,
        weights=math.ceil(weights / (ranks * stages)),
        shape=_of_stage(shape, stages),
        pictures=pictures,
        share=share,
        length=None if fitted else length_of(length) or (shape.context if shape else None),
        fitted=fitted,
        sequences=int(number(options.get(SEQUENCES.get(launch.engine, ""))) or facts.vllm.sequences),
        limits=limits,
        value_bytes=_cached(config, options, value_bytes),
        eager=bool(options.get("--enforce-eager") or options.get("--disable-cuda-graph")),
        request=min(request, shape.context) if shape and shape.context else request,
        unknown=tuple(dict.fromkeys(unsure)),
        rules=facts,
    )


def own(gpu: Gpu) -> int:
    """What the service under repair holds of a GPU."""
    return sum(holder.used or 0 for holder in gpu.holders if holder.service)


def _free(gpu: Gpu) -> int:
    return (gpu.free or 0) + own(gpu)


def _tightest(gpus: tuple[Gpu, ...]) -> tuple[int, int]:
    tightest = min(gpus, key=_free)
    return tightest.total or 0, _free(tightest)


def _of_stage(shape: Shape | None, stages: int) -> Shape | None:
    """The layers that one of several GPUs in a row holds."""
    if shape is None or stages == 1:
        return shape
    layers, windowed = math.ceil(shape.layers / stages), math.ceil(shape.windowed / stages)
    return replace(shape, layers=layers, windowed=min(windowed, layers))


def _cached(config: Mapping[str, Json], options: Mapping[str, str | bool], value_bytes: int | None) -> int | None:
    """The bytes of a value in the cache, where the launch or a quantised checkpoint says so."""
    said = CACHE_DTYPES.get(str(options.get("--kv-cache-dtype", "auto")))
    scheme = config.get("quantization_config")
    if not said and isinstance(scheme, dict) and (scheme.get("kv_cache_scheme") or scheme.get("kv_cache_quant_algo")):
        return 1
    return said or value_bytes


def _share(
    launch: Launch, version: str, total: int | None, ranks: int, stages: int, config: Mapping[str, Json], facts: Rules
) -> float | None:
    """The share that the engine takes; of cards of unlike size (``total`` None) it is open what SGLang would take."""
    option = SHARE.get(launch.engine)
    if option is None:
        return None
    given = number(launch.options.get(option))
    if given is not None:
        return given
    if launch.engine == "vllm":
        return vllm_memory_share(version)
    if total is None:
        return None
    return own_share(launch, version, total, ranks, stages, config, facts.sglang.own_share)
