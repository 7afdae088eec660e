"""The sums of one GPU: what an engine asks for, what weights and workspace leave, what the cache needs. Pure.

The rules are the engines' own: vLLM's v1/worker (0.33.0), SGLang's model_runner (0.5.6 to 0.5.23), llama.cpp's loader.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packaging.version import Version

from autoglm_fix.agent.facts.gpus import Gpu
from autoglm_fix.knowledge.compat import read_version
from autoglm_fix.launch.command import json_of

from .vram_need import GIB, Pictures, Shape, cache_bytes, cache_tokens, length_of, number
from .vram_rules import Rules

# Whose start can be computed: they say beforehand what they take, and refuse to start without it.
COMPUTED = ("vllm", "sglang")
# The options that decide, by engine.
SHARE = {"vllm": "--gpu-memory-utilization", "sglang": "--mem-fraction-static"}
LENGTH = {"vllm": "--max-model-len", "sglang": "--context-length", "llama.cpp": "--ctx-size"}
SEQUENCES = {"vllm": "--max-num-seqs", "sglang": "--max-running-requests"}
LIMITS = "--limit-mm-per-prompt"
FEW = 8
_LOGITS = 151_552 * 4  # a row of a GLM-4 vocabulary in float32


@dataclass(frozen=True)
class Plan:
    """The sums for one GPU of those that the service uses (the tightest); sizes in bytes, lengths in tokens.

    ``free`` counts what the service itself holds as free: it is given back at a restart. ``weights`` and ``shape`` are
    the part of one GPU, of ``ranks`` that share each layer. ``length`` is the context that the launch asks for, None
    where it is open; ``fitted``: the engine chooses the longest that fits. ``request`` is what one real request
    needs. ``share`` is None where nobody knows it beforehand. ``unknown`` names what of the launch makes weights or
    cache another size than the files say: what fits is open then.
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
    fitted: bool
    sequences: int
    limits: Mapping[str, int]
    value_bytes: int | None
    eager: bool
    request: int
    unknown: tuple[str, ...]
    rules: Rules = field(repr=False)

    @property
    def is_static(self) -> bool:
        """Whether the share holds weights and cache alone (SGLang), and is one of what is free before they come."""
        return self.engine == "sglang"

    def base(self, which: str = "usual") -> int:
        """What the share is a share of."""
        return self.free - self._gib("context_gib", which) if self.is_static else self.total

    @property
    def wanted(self) -> int:
        """What the engine asks for at its start."""
        return math.ceil(self.base() * self.share) if self.share is not None else self.free

    @property
    def spare(self) -> int:
        """What is free when the engine first looks: vLLM does so only once its process holds a context."""
        return self.free - (self._gib("context_gib", "least") if self.engine == "vllm" else 0)

    def workspace(self, which: str = "usual") -> int:
        """Graphs and activations, by their ``usual``, ``least`` or ``most`` priors."""
        size = self._gib("activations_gib", which)
        if not self.eager and (which != "least" or self._counts_graphs):
            size += self._gib("graphs_gib", which)
        # The sampler keeps a row of numbers as long as the vocabulary for each sequence.
        return size + max(self.sequences - FEW, 0) * _LOGITS

    def beside(self, which: str = "usual") -> int:
        """What the share holds beside weights and cache."""
        return 0 if self.is_static else self._gib("context_gib", which) + self.workspace(which)

    def room(self, which: str = "usual") -> int:
        """What is left for the cache; below zero where not even the rest fits."""
        share = 1.0 if self.share is None else self.share
        wanted = math.ceil(self.base(which) * share) if self.is_static else min(self.wanted, self.free)
        return wanted - self.weights - self.beside(which)

    def outside(self, which: str = "usual") -> int:
        """What is left outside of the share, below zero where it does not hold what has to live there."""
        if not self.is_static or self.share is None:
            return 0
        return math.floor(self.base(which) * (1 - self.share)) - self.workspace(which)

    @property
    def tokens(self) -> int | None:
        """How long the sequence is that has to find room, None where that is open."""
        if self.is_static:
            return self.request
        return self.least_length if self.fitted else self.length

    @property
    def need(self) -> int | None:
        """What the cache of one such sequence takes; None where the shape is unknown."""
        if self.shape is None or self.tokens is None:
            return None
        return cache_bytes(
            self.shape, self.tokens, value_bytes=self.value_bytes, ranks=self.ranks, block=self.rules.vllm.block
        )

    def fits(self, which: str = "usual") -> bool:
        """Whether it starts, as far as can be computed."""
        if self.unknown:
            return True
        enough = self.room(which) >= (self.need or 0) and self.outside(which) >= 0
        return enough and self.wanted <= self.spare

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

    @property
    def _counts_graphs(self) -> bool:
        version = read_version(self.version)
        since = Version(self.rules.vllm.counts_graphs_since)
        return self.engine != "vllm" or (version is not None and version >= since)

    def _gib(self, name: str, which: str) -> int:
        gib: float = getattr(getattr(self.rules, name), which)
        return round(gib * GIB)


def with_options(plan: Plan, options: Mapping[str, str]) -> Plan:
    """The same sums with other options of the launch."""
    share = number(options.get(SHARE.get(plan.engine, "")))
    length = length_of(options.get(LENGTH.get(plan.engine, "")))
    sequences = number(options.get(SEQUENCES.get(plan.engine, "")))
    return replace(
        plan,
        share=plan.share if share is None else share,
        length=length or plan.length,
        fitted=plan.fitted and length is None,
        sequences=plan.sequences if sequences is None else int(sequences),
        limits=limits_of(options) or plan.limits,
    )


def limits_of(options: Mapping[str, str | bool]) -> dict[str, int]:
    """How many pictures and videos a request may hold, where the launch says so."""
    said = options.get(LIMITS)
    if not isinstance(said, str):
        return {}
    read = json_of(said)
    if not isinstance(read, dict):
        read = {kind: count for kind, _, count in (part.partition("=") for part in said.split(","))}
    counts = {kind: value.get("count") if isinstance(value, dict) else value for kind, value in read.items()}
    numbers = {str(kind): number(str(count)) for kind, count in counts.items()}
    return {kind: int(count) for kind, count in numbers.items() if count is not None and count >= 0}
