"""The share of a GPU that SGLang takes for weights and cache where its launch names none. Pure.

Source: _handle_gpu_memory_settings and adjust_mem_fraction_for_vlm of SGLang's server_args.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from autoglm_fix.json_text import Json
from autoglm_fix.knowledge.compat import read_version
from autoglm_fix.launch import Launch

from .vram_need import GIB, number
from .vram_rules import Encoder, OwnShare

_MIB = 1 << 20
_MANY = 4


def own_share(
    launch: Launch, version: str, total: int, ranks: int, stages: int, config: Mapping[str, Json], rule: OwnShare
) -> float | None:
    """What ``--mem-fraction-static`` comes to on GPUs of ``total`` bytes; None for versions whose sum is not known."""
    known = read_version(version)
    if known is None or not Version(rule.since) <= known < Version(rule.below) or total <= 0:
        return None
    options = launch.options
    row = next((row for row in rule.capacities if total < row.below_gib * GIB), rule.capacities[-1])
    prefill = number(options.get("--chunked-prefill-size"))
    prefill = row.prefill if prefill is None else prefill
    if prefill <= 0:
        prefill = number(options.get("--max-prefill-tokens")) or rule.longest_prefill
    graphs = number(options.get("--cuda-graph-max-bs")) or (row.graphs if ranks < _MANY else row.graphs_of_many)
    kept = rule.fixed + max(prefill, 2048) * rule.per_prefill_token + graphs * rule.per_graph
    kept += ranks * stages * rule.per_gpu
    if total > rule.large_gib * GIB:
        kept = max(kept, rule.least_of_large)
    return max(1 - kept * _MIB / total, 0.0) * _of_pictures(launch, config, rule.encoder)


def _of_pictures(launch: Launch, config: Mapping[str, Json], rule: Encoder) -> float:
    """What a model that takes pictures leaves of it."""
    vision = config.get("vision_config")
    if not isinstance(vision, dict):
        return 1.0
    if config.get("model_type") in rule.unused and not launch.options.get("--enable-multimodal"):
        return 1.0
    layers, hidden = vision.get("num_hidden_layers", rule.layers), vision.get("hidden_size")
    if type(layers) is not int or type(hidden) is not int:
        # What the configuration's class would add is not known: the share that is best for the launch.
        return rule.factor * rule.most
    ratio = layers * hidden**2 / (rule.layers * rule.hidden**2)
    return rule.factor * min(max(1 - rule.slope * (ratio - 1), rule.least), rule.most)
