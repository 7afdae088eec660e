"""How much memory a model needs on a GPU: exact where files say it, derived from shapes elsewhere. Pure.

Sources: configuration_glm4v.py, configuration_glm4.py, image_processing_glm4v.py (transformers 5.23.0);
kv_cache_interface.py (vLLM 0.33.0); the safetensors format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoglm_fix.agent.formats import TensorGroup
from autoglm_fix.agent.model.files import ModelFile
from autoglm_fix.json_text import Json

GIB = 1 << 30

# Bytes of a value by the word that safetensors uses.
_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"), 1),
}
_FLOATS = ("F64", "F32", "F16", "BF16")
# Bytes of a value by the word that engines use for --dtype.
DTYPES = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}
CACHE_DTYPES = {"auto": 0, "fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1, "fp8_inc": 1, "bf16": 2, "bfloat16": 2, "float16": 2}
_NESTED = ("text_config", "llm_config", "language_config")
# The layers that keep a cache for each token, as ``layer_types`` calls them; others keep a state of one size.
_WINDOWED = "sliding_attention"
_CACHED = ("full_attention", "attention", "chunked_attention", _WINDOWED)
# They mean layers that differ from each other in ways that are not read here.
_UNEVEN = (
    "attn_layer_indices",
    "attn_layer_period",
    "attn_type_list",
    "block_configs",
    "hybrid_override_pattern",
    "layers_block_type",
    "linear_attn_config",
    "mamba_step",
)
# How people write a context's length: 25480, 32k (thousands), 32K (1024s).
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kKmM]?)")
_TIMES = {"": 1, "k": 1000, "m": 1000**2, "K": 1024, "M": 1024**2}


@dataclass(frozen=True)
class Shape:
    """A language model's shape, as far as its cache depends on it.

    ``latent`` is the size of the one vector that MLA keeps a token and layer (kv_lora_rank and
    qk_rope_head_dim), None elsewhere. ``window`` is the reach of the ``windowed`` layers in tokens.
    """

    model_type: str
    layers: int
    kv_heads: int
    head_dim: int
    value_bytes: int
    context: int | None
    latent: int | None = None
    window: int | None = None
    windowed: int = 0


@dataclass(frozen=True)
class Pictures:
    """How a picture becomes tokens: squares of ``patch`` x ``merge`` pixels, of at most ``most_pixels`` in all.

    ``temporal`` counts a still picture as so many frames against that limit.
    """

    patch: int = 14
    merge: int = 2
    temporal: int = 2
    least_pixels: int = 112 * 112
    most_pixels: int = 28 * 28 * 15000


def shape_of(config: Mapping[str, Json]) -> Shape | None:
    """The shape that a config.json gives, None where it lacks what the cache's size depends on."""
    text = _language(config)
    layers, heads = _layers(text), _whole(text, "num_attention_heads", "n_head")
    hidden = _whole(text, "hidden_size", "n_embd", "d_model")
    head_dim = _whole(text, "head_dim", "kv_channels")
    if head_dim is None and hidden is not None and heads:
        head_dim = hidden // heads
    kv_heads = _kv_heads(text, heads)
    rank, rope = _whole(text, "kv_lora_rank"), _whole(text, "qk_rope_head_dim")
    latent = rank + rope if rank is not None and rope is not None else None
    if layers is None or (latent is None and (head_dim is None or kv_heads is None)):
        return None
    window, windowed = _window(text, layers)
    dtype = text.get("dtype", text.get("torch_dtype", config.get("dtype", config.get("torch_dtype"))))
    return Shape(
        str(config.get("model_type") or ""),
        layers,
        kv_heads or 1,
        head_dim or 0,
        DTYPES.get(str(dtype), 2),
        _context(text),
        latent,
        window,
        windowed,
    )


def _layers(text: Mapping[str, Json]) -> int | None:
    """How many layers keep a cache of their own."""
    layers = _whole(text, "num_hidden_layers", "num_layers", "n_layer")
    kinds = text.get("layer_types")
    if isinstance(kinds, list):
        layers = sum(kind in _CACHED for kind in kinds) or None
    elif any(text.get(name) for name in (*_UNEVEN, "full_attention_interval")):
        return None
    return None if layers is None else max(layers - (_whole(text, "num_kv_shared_layers") or 0), 1)


def _kv_heads(text: Mapping[str, Json], heads: int | None) -> int | None:
    if text.get("multi_query") is True and not text.get("new_decoder_architecture"):
        return 1
    names = ("num_key_value_heads", "multi_query_group_num", "num_kv_heads")
    if any(isinstance(text.get(name), list) for name in names):
        return None
    return _whole(text, *names) or heads


def _context(text: Mapping[str, Json]) -> int | None:
    """The longest context: of several that are said the shortest."""
    names = ("max_position_embeddings", "seq_length", "n_positions", "max_seq_len", "model_max_length")
    return min((found for name in names if (found := _whole(text, name))), default=None)


def _window(text: Mapping[str, Json], layers: int) -> tuple[int | None, int]:
    """The reach of sliding attention in tokens, and how many layers have it."""
    window = _whole(text, "sliding_window")
    if not window or text.get("use_sliding_window") is False:
        return None, 0
    kinds = text.get("layer_types")
    if isinstance(kinds, list):
        return window, min(sum(kind == _WINDOWED for kind in kinds), layers)
    first = _whole(text, "max_window_layers")
    return window, layers if first is None else max(layers - first, 0)


def pictures_of(config: Mapping[str, Json], preprocessor: Mapping[str, Json]) -> Pictures | None:
    """How the model's processor cuts pictures, None for a model that takes none."""
    vision = config.get("vision_config")
    if not isinstance(vision, dict):
        return None
    usual = Pictures()
    size = preprocessor.get("size")
    limits = size if isinstance(size, dict) else {}
    return Pictures(
        _whole(preprocessor, "patch_size") or _whole(vision, "patch_size") or usual.patch,
        _whole(preprocessor, "merge_size") or _whole(vision, "spatial_merge_size") or usual.merge,
        _whole(preprocessor, "temporal_patch_size") or _whole(vision, "temporal_patch_size") or usual.temporal,
        _whole(limits, "shortest_edge") or _whole(preprocessor, "min_pixels") or usual.least_pixels,
        _whole(limits, "longest_edge") or _whole(preprocessor, "max_pixels") or usual.most_pixels,
    )


def picture_tokens(height: int, width: int, pictures: Pictures) -> int:
    """The tokens that one picture takes, after the processor has resized it."""
    factor = pictures.patch * pictures.merge
    frames = pictures.temporal
    tall = max(round(height / factor) * factor, factor)
    wide = max(round(width / factor) * factor, factor)
    if frames * tall * wide > pictures.most_pixels:
        shrink = math.sqrt(frames * height * width / pictures.most_pixels)
        tall = max(factor, math.floor(height / shrink / factor) * factor)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
    elif frames * tall * wide < pictures.least_pixels:
        grow = math.sqrt(pictures.least_pixels / (frames * height * width))
        tall = math.ceil(height * grow / factor) * factor
        wide = math.ceil(width * grow / factor) * factor
    return (tall // factor) * (wide // factor)


def weight_bytes(files: Sequence[ModelFile], used: Sequence[str], value_bytes: int | None = None) -> int | None:
    """The bytes of the used weight files' tensors; with plain floats as ``value_bytes`` where the launch asks so.

    None where a header could not be read.
    """
    total = 0
    for file in files:
        if file.name not in used:
            continue
        if file.content is None or file.content.state != "whole":
            return None
        groups = file.content.groups
        if value_bytes is None or not groups:
            total += file.size or 0
            continue
        total += sum(_group_bytes(group, value_bytes) for group in groups)
    return total or None


def _group_bytes(group: TensorGroup, value_bytes: int) -> int:
    size = value_bytes if group.dtype in _FLOATS else _BYTES.get(group.dtype, 1)
    return math.prod(group.shape) * size * group.count


def cache_bytes(shape: Shape, tokens: int, *, value_bytes: int | None = None, ranks: int = 1, block: int = 16) -> int:
    """The bytes that ``tokens`` of one sequence take in the cache of each of ``ranks`` GPUs.

    Heads are shared out, but a GPU never has less than one: more ranks than heads do not shrink it. The
    latent vector of MLA is not shared out.
    """
    size = value_bytes or shape.value_bytes
    blocks = math.ceil(tokens / block) * block
    if shape.latent is not None:
        return blocks * shape.layers * shape.latent * size
    page = 2 * max(1, math.ceil(shape.kv_heads / ranks)) * shape.head_dim * size
    windowed = min(blocks, math.ceil((shape.window or 0) / block) * block) if shape.window else blocks
    return page * ((shape.layers - shape.windowed) * blocks + shape.windowed * windowed)


def cache_tokens(shape: Shape, room: int, *, value_bytes: int | None = None, ranks: int = 1, block: int = 16) -> int:
    """How many tokens fit in ``room`` bytes, in whole blocks; windows are not counted on."""
    each = cache_bytes(shape, block, value_bytes=value_bytes, ranks=ranks, block=block)
    return max(room, 0) // each * block if each else 0


def length_of(said: str | bool | None) -> int | None:
    """A context's length as people write it ("25480", "32k", "32K"); None for "auto" and nonsense."""
    found = _LENGTH.fullmatch(said.strip()) if isinstance(said, str) else None
    read = float(found[1]) * _TIMES[found[2]] if found else math.inf
    return int(read) if math.isfinite(read) else None


def number(said: str | bool | None) -> float | None:
    """An option's number, None where it has none."""
    try:
        read = float(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return read if read is not None and math.isfinite(read) else None


def _language(config: Mapping[str, Json]) -> dict[str, Json]:
    inner: Any = next((config[key] for key in _NESTED if isinstance(config.get(key), dict)), {})
    return {**config, **inner}


def _whole(values: Mapping[str, Json], *names: str) -> int | None:
    found = next((values[name] for name in names if values.get(name) is not None), None)
    return found if type(found) is int and 0 <= found < 1 << 62 else None
