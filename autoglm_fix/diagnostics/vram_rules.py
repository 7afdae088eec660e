"""What is known of the engines' use of GPU memory: the priors, defaults and limits of knowledge/vram.yml."""

from __future__ import annotations

from dataclasses import dataclass

from autoglm_fix.knowledge import table


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
    """What vLLM takes where nothing is said, and what fails there.

    Before ``counts_graphs_since`` the recorded launches come on top of the share that it was given.
    """

    block: int
    sequences: int
    most_share: float
    counts_graphs_since: str
    least_context: list[LeastContext]
    never_eager: list[str]


@dataclass(frozen=True)
class Capacity:
    """What SGLang sets itself on a GPU ``below_gib`` in all: tokens of one prefill, and sequences of its graphs.

    ``graphs_of_many`` is for four GPUs and more together.
    """

    below_gib: float
    prefill: int
    graphs: int
    graphs_of_many: int


@dataclass(frozen=True)
class Encoder:
    """How a model's picture encoder shrinks the share that SGLang sets itself.

    By ``factor``, and by ``slope`` for each time that the encoder is as large again as one of ``layers`` layers and
    ``hidden`` values; that part stays between ``least`` and ``most``. ``unused`` are kinds of models that SGLang
    serves as text alone unless it is told otherwise.
    """

    factor: float
    slope: float
    layers: int
    hidden: int
    least: float
    most: float
    unused: list[str]


@dataclass(frozen=True)
class OwnShare:
    """How SGLang, from version ``since`` and ``below`` another, sets its share where nobody does. Sizes in MiB."""

    since: str
    below: str
    fixed: float
    per_prefill_token: float
    per_graph: float
    per_gpu: float
    large_gib: float
    least_of_large: float
    longest_prefill: int
    capacities: list[Capacity]
    encoder: Encoder


@dataclass(frozen=True)
class SglangRules:
    """What SGLang takes where nothing is said."""

    own_share: OwnShare


@dataclass(frozen=True)
class Request:
    """What one real request needs, in tokens; ``screen`` is the largest usual picture, width and height in pixels."""

    text_tokens: int
    screen: list[int]
    answer_tokens: int
    plain_tokens: int


@dataclass(frozen=True)
class Rules:
    """knowledge/vram.yml. ``unknown`` are the options, by engine, whose effect on memory nobody computes here."""

    source: str
    context_gib: Prior
    graphs_gib: Prior
    activations_gib: Prior
    vllm: VllmRules
    sglang: SglangRules
    unknown: dict[str, list[str]]
    request: Request


def rules() -> Rules:
    """The priors and limits."""
    return table("vram", Rules)
