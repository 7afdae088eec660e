"""AutoGLM-Phone-9B without what makes it heavy: all that a look at its files meets, over holes of the right size."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests import models

# Of Glm4vForConditionalGeneration with its default sizes, in bfloat16.
BYTES = 20_585_554_944
_SHARD = 5 * 10**9
_TEXT = {
    "vocab_size": 151_552,
    "hidden_size": 4096,
    "intermediate_size": 13_696,
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "max_position_embeddings": 65_536,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 12, 12]},
}
_SIGHT = {
    "depth": 24,
    "hidden_size": 1536,
    "num_heads": 12,
    "image_size": 336,
    "out_hidden_size": 4096,
    "intermediate_size": 13_696,
}
# More than a thousand holes at the begin of a file are small ones, some of them filled by the tensors there.
_HOLES, _BLOCK = 1200, 4096
_NUMBERS = bytes.fromhex("3c3d") * (_BLOCK // 2)


def autoglm(folder: Path) -> Path:
    """The model in the new folder: configuration, a small tokenizer, five shards with an index. A few megabytes."""
    models.copy(models.tiny_vision(), folder)
    folder.chmod(0o755)
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= _TEXT
    config["vision_config"] |= _SIGHT
    (folder / "config.json").write_text(json.dumps(config))
    # As the transformers that goes with vLLM 0.12 writes it.
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings.pop("backend", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    _weights(folder)
    return folder


def _weights(folder: Path) -> None:
    shards: list[dict[str, list[int]]] = [{}]
    for name, shape in _tensors():
        if sum(map(_bytes, shards[-1].values())) + _bytes(shape) > _SHARD:
            shards.append({})
        shards[-1][name] = shape
    where: dict[str, str] = {}
    for number, tensors in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        _hollow(folder / file, tensors)
        where |= dict.fromkeys(tensors, file)
    total = sum(_bytes(shape) for tensors in shards for shape in tensors.values())
    assert total == BYTES
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _hollow(path: Path, tensors: Mapping[str, list[int]]) -> None:
    """A file of BF16 tensors that shows no zeros to whoever does not read it all.

    That is: none in the middle of a tensor, and more small holes at its begin than anybody counts.
    """
    table: dict[str, Any] = {}
    at = 0
    for name, shape in tensors.items():
        table[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + _bytes(shape)]}
        at += _bytes(shape)
    header = json.dumps(table).encode()
    header = header.ljust(-(-len(header) // 8) * 8)
    with path.open("wb") as out:
        out.write(len(header).to_bytes(8, "little") + header)
        begin = out.tell()
        first = begin // (2 * _BLOCK) + 1
        for block in range(first, first + _HOLES):
            out.seek(2 * _BLOCK * block)
            out.write(_NUMBERS)
        for low, high in (each["data_offsets"] for each in table.values()):
            place = max((low + high) // 2 - _BLOCK, low)
            out.seek(begin + place)
            out.write((2 * _NUMBERS)[: high - place])
        out.truncate(begin + at)


def _bytes(shape: list[int]) -> int:
    return 2 * math.prod(shape)


def _tensors() -> Iterator[tuple[str, list[int]]]:
    """The tensors of that class, as transformers names them."""
    wide, text, sight = 4096, "model.language_model", "model.visual"
    yield f"{text}.embed_tokens.weight", [151_552, wide]
    for number in range(40):
        layer = f"{text}.layers.{number}"
        for part, rows in (("q", wide), ("k", 256), ("v", 256)):
            yield f"{layer}.self_attn.{part}_proj.weight", [rows, wide]
            yield f"{layer}.self_attn.{part}_proj.bias", [rows]
        yield f"{layer}.self_attn.o_proj.weight", [wide, wide]
        yield f"{layer}.mlp.gate_up_proj.weight", [27_392, wide]
        yield f"{layer}.mlp.down_proj.weight", [wide, 13_696]
        for norm in ("input", "post_attention", "post_self_attn", "post_mlp"):
            yield f"{layer}.{norm}_layernorm.weight", [wide]
    yield f"{text}.norm.weight", [wide]
    yield "lm_head.weight", [151_552, wide]
    yield f"{sight}.embeddings.position_embedding.weight", [576, 1536]
    yield f"{sight}.patch_embed.proj.weight", [1536, 3, 2, 14, 14]
    yield f"{sight}.patch_embed.proj.bias", [1536]
    for number in range(24):
        block = f"{sight}.blocks.{number}"
        yield f"{block}.norm1.weight", [1536]
        yield f"{block}.norm2.weight", [1536]
        yield f"{block}.attn.qkv.weight", [4608, 1536]
        yield f"{block}.attn.proj.weight", [1536, 1536]
        yield f"{block}.mlp.gate_proj.weight", [wide, 1536]
        yield f"{block}.mlp.up_proj.weight", [wide, 1536]
        yield f"{block}.mlp.down_proj.weight", [1536, wide]
    yield f"{sight}.merger.proj.weight", [wide, wide]
    yield f"{sight}.merger.post_projection_norm.weight", [wide]
    yield f"{sight}.merger.post_projection_norm.bias", [wide]
    yield f"{sight}.merger.gate_proj.weight", [13_696, wide]
    yield f"{sight}.merger.up_proj.weight", [13_696, wide]
    yield f"{sight}.merger.down_proj.weight", [wide, 13_696]
    yield f"{sight}.post_conv_layernorm.weight", [1536]
    yield f"{sight}.downsample.weight", [wide, 1536, 2, 2]
    yield f"{sight}.downsample.bias", [wide]
    yield f"{sight}.post_layernorm.weight", [1536]
