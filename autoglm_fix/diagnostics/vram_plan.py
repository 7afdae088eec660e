"""What a service's launch asks of its GPUs, and what they have. Pure arithmetic over facts and priors.

The rules are the engines' own: vLLM's v1/worker (0.33.0), SGLang's model_runner (0.5.23), llama.cpp's loader.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from packaging.version import Version

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.model_sizes import ModelSizes
from autoglm_fix.json_text import parse
from autoglm_fix.knowledge import table
from autoglm_fix.knowledge.compat import read_version, vllm_memory_share
from autoglm_fix.launch import Launch

from .vram_need import (
    CACHE_DTYPES,
    DTYPES,
    GIB,
    Pictures,
    Shape,
    cache_bytes,
    cache_tokens,
    picture_tokens,
    pictures_of,
    shape_of,
    weight_bytes,
)

# The options that decide, by engine.
SHARE = {"vllm": "--gpu-memory-utilization", "sglang": "--mem-fraction-static"}
LENGTH = {"vllm": "--max-model-len", "sglang": "--context-length", "llama.cpp": "--ctx-size"}
SEQUENCES = {"vllm": "--max-num-seqs", "sglang": "--max-running-requests"}
RANKS = {"vllm": "--tensor-parallel-size", "sglang": "--tp-size"}
LIMITS = "--limit-mm-per-prompt"
FEW = 8
# How people write a context's length: 25480, 32k (thousands), 32K (1024s).
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kKmM]?)")
_TIMES = {"": 1, "k": 1000, "m": 1000**2, "K": 1024, "M": 1024**2}


@dataclass(frozen=True)
class Prior:
    """A size in GiB that only the host knows: what is usual, and between what it lies."""

    usual: float
    least: float
    most: float


@dataclass(frozen=True)
class LeastContext:
    """A context below which models of some kind fail, in vLLM from version ``since`` and ``below`` another."""

    models: list[str]
    since: str
    below: str
    tokens: int


@dataclass(frozen=True)
class VllmRules:
    """What vLLM takes where nothing is said, and what fails there."""

    block: int
    sequences: int
    most_share: float
    least_context: list[LeastContext]
    never_eager: list[str]


@dataclass(frozen=True)
class SglangRules:
    """What SGLang takes where nothing is said."""

    static_share: float


@dataclass(frozen=True)
class Request:
    """What one real request needs, in tokens; ``screen`` is the largest usual picture, width and height in pixels."""

    text_tokens: int
    screen: list[int]
    answer_tokens: int
    plain_tokens: int


@dataclass(frozen=True)
class Rules:
    """knowledge/vram.yml."""

    source: str
    context_gib: Prior
    graphs_gib: Prior
    activations_gib: Prior
    vllm: VllmRules
    sglang: SglangRules
    request: Request


def rules() -> Rules:
    """The priors and limits."""
    return table("vram", Rules)


@dataclass(frozen=True)
class Plan:
    """The sums for one GPU of those that the service uses (the tightest); sizes in bytes, lengths in tokens.

    ``free`` counts what the service itself holds as free: it is given back at a restart. ``weights`` are the
    share of one GPU. ``length`` is the context that the launch asks for; ``request`` what one real
    request needs.
    """

    engine: str
    version: str
    gpus: tuple[Gpu, ...]
    ranks: int
    total: int
    free: int
    weights: int
    shape: Shape | None
    pictures: Pictures | None
    share: float | None
    length: int | None
    sequences: int
    limits: Mapping[str, int]
    value_bytes: int | None
    eager: bool
    request: int
    rules: Rules = field(repr=False)

    @property
    def wanted(self) -> int:
        """What the engine asks for at its start."""
        return math.ceil(self.total * self.share) if self.share is not None else self.free

    @property
    def spare(self) -> int:
        """What is free when the engine first looks: vLLM does so only once its process holds a context."""
        return self.free - (round(self.rules.context_gib.least * GIB) if self.engine == "vllm" else 0)

    def beside(self, which: str = "usual") -> int:
        """Context, graphs and activations, by their ``usual``, ``least`` or ``most`` priors."""
        gib: float = getattr(self.rules.context_gib, which) + getattr(self.rules.activations_gib, which)
        if not self.eager:
            gib += getattr(self.rules.graphs_gib, which)
        # The sampler keeps a row of numbers as long as the vocabulary for each sequence.
        return round(gib * GIB) + max(self.sequences - FEW, 0) * _LOGITS

    def room(self, which: str = "usual") -> int:
        """What is left for the cache; below zero where not even the rest fits."""
        return min(self.wanted, self.free) - self.weights - self.beside(which)

    @property
    def need(self) -> int | None:
        """What the cache of one sequence as long as the engine promises takes; None where the shape is unknown."""
        tokens = self.length if self.engine in ("vllm", "llama.cpp") else self.request
        if self.shape is None or tokens is None:
            return None
        return cache_bytes(
            self.shape, tokens, value_bytes=self.value_bytes, ranks=self.ranks, block=self.rules.vllm.block
        )

    def fits(self, which: str = "usual") -> bool:
        """Whether it starts, as far as can be computed."""
        return self.room(which) >= (self.need or 0) and self.wanted <= self.spare

    @property
    def longest(self) -> int:
        """The longest sequence that the cache's room holds."""
        if self.shape is None:
            return 0
        return cache_tokens(
            self.shape, self.room(), value_bytes=self.value_bytes, ranks=self.ranks, block=self.rules.vllm.block
        )

    @property
    def failing(self) -> int:
        """The context below which this version is known to fail with this model, 0 where nothing is known."""
        version = read_version(self.version)
        if self.engine != "vllm" or self.shape is None or version is None:
            return 0
        rows = [row for row in self.rules.vllm.least_context if self.shape.model_type in row.models]
        return max((row.tokens for row in rows if Version(row.since) <= version < Version(row.below)), default=0)

    @property
    def least_length(self) -> int:
        """The shortest context that still serves a real request and is not known to fail."""
        block = self.rules.vllm.block
        return math.ceil(max(self.request, self.failing) / block) * block


_LOGITS = 151_552 * 4  # a row of a GLM-4 vocabulary in float32


def plan(
    gpus: Gpus, model: ModelFiles, sizes: ModelSizes, launch: Launch, environment: Environment | None
) -> Plan | None:
    """The sums for a launch. None where there is no GPU to count on, or the weights cannot be read."""
    used = visible(gpus.gpus, launch.environment)
    known = [gpu for gpu in used if gpu.total and gpu.free is not None]
    if not known or launch.options.get("--device") == "cpu":
        return None
    options = launch.options
    weights = weight_bytes(model.files, model.used, DTYPES.get(str(options.get("--dtype", ""))))
    if weights is None:
        return None
    ranks = number(options.get(RANKS.get(launch.engine, ""))) or 1
    chosen = tuple(known[: int(ranks)])
    tightest = min(chosen, key=_free)
    config, preprocessor = parse(sizes.config.text).values, parse(sizes.preprocessor.text).values
    shape, pictures = shape_of(config), pictures_of(config, preprocessor)
    facts = rules()
    installed = environment.installed(launch.engine) if environment is not None else None
    version = installed.version if installed is not None else ""
    limits = _limits(options)
    each = picture_tokens(facts.request.screen[1], facts.request.screen[0], pictures) if pictures else 0
    request = facts.request.text_tokens + each + facts.request.answer_tokens if pictures else facts.request.plain_tokens
    length = length_of(options.get(LENGTH.get(launch.engine, "")))
    return Plan(
        engine=launch.engine,
        version=version,
        gpus=chosen,
        ranks=int(ranks),
        total=tightest.total or 0,
        free=_free(tightest),
        weights=math.ceil(weights / int(ranks)),
        shape=shape,
        pictures=pictures,
        share=_share(launch, version, facts),
        length=length or (shape.context if shape else None),
        sequences=int(number(options.get(SEQUENCES.get(launch.engine, ""))) or facts.vllm.sequences),
        limits=limits,
        value_bytes=CACHE_DTYPES.get(str(options.get("--kv-cache-dtype", "auto"))) or None,
        eager=bool(options.get("--enforce-eager") or options.get("--disable-cuda-graph")),
        request=min(request, shape.context) if shape and shape.context else request,
        rules=facts,
    )


def with_options(plan: Plan, options: Mapping[str, str]) -> Plan:
    """The same sums with other options of the launch."""
    share = number(options.get(SHARE.get(plan.engine, "")))
    length = length_of(options.get(LENGTH.get(plan.engine, "")))
    sequences = number(options.get(SEQUENCES.get(plan.engine, "")))
    return replace(
        plan,
        share=plan.share if share is None else share,
        length=length or plan.length,
        sequences=plan.sequences if sequences is None else int(sequences),
        limits=_limits(options) or plan.limits,
    )


def visible(gpus: Sequence[Gpu], environment: Mapping[str, str]) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; an index or name that there is not ends the list."""
    said = environment.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return list(gpus)
    found = []
    for word in (part.strip() for part in said.split(",")):
        gpu = next((each for each in gpus if word in (str(each.index),) or (word and each.uuid.startswith(word))), None)
        if gpu is None:
            break
        found.append(gpu)
    return found


def length_of(said: str | bool | None) -> int | None:
    """A context's length as people write it ("25480", "32k", "32K"); None for "auto" and nonsense."""
    found = _LENGTH.fullmatch(said.strip()) if isinstance(said, str) else None
    return int(float(found[1]) * _TIMES[found[2]]) if found else None


def number(said: str | bool | None) -> float | None:
    """An option's number, None where it has none."""
    try:
        return float(said) if isinstance(said, str) else None
    except ValueError:
        return None


def own(gpu: Gpu) -> int:
    """What the service under repair holds of a GPU."""
    return sum(holder.used or 0 for holder in gpu.holders if holder.service)


def _free(gpu: Gpu) -> int:
    return (gpu.free or 0) + own(gpu)


def _share(launch: Launch, version: str, facts: Rules) -> float | None:
    option = SHARE.get(launch.engine)
    if option is None:
        return None
    given = number(launch.options.get(option))
    if given is not None:
        return given
    return vllm_memory_share(version) if launch.engine == "vllm" else facts.sglang.static_share


def _limits(options: Mapping[str, str | bool]) -> dict[str, int]:
    """How many pictures and videos a request may hold, where the launch says so."""
    found: dict[str, int] = {}
    said = options.get(LIMITS)
    if isinstance(said, str):
        try:
            read = json.loads(said)
        except ValueError:
            read = dict(part.split("=", 1) for part in said.split(",") if "=" in part)
        found = {str(kind): int(count) for kind, count in read.items() if str(count).isdigit()} if read else {}
    for name, value in options.items():
        if name.startswith(LIMITS + ".") and isinstance(value, str) and value.isdigit():
            found[name[len(LIMITS) + 1 :]] = int(value)
    return found
