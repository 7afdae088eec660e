"""A small chat model in shards, made of hand-written bytes, whose parts tests break one by one."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.view import View

HIDDEN, ROWS, VOCABULARY, LAYERS = 64, 1024, 512, 4
SHARDS = 3
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"

Tensors = Mapping[str, list[int]]


def bf16(count: int, seed: str) -> bytes:
    """So many numbers between -1 and 1, never zero, the same for the same seed."""
    block = bytearray(random.Random(seed).randbytes(min(count * 2, 1 << 18)))
    block[1::2] = bytes(0x3C | byte & 0x83 for byte in block[1::2])
    return (bytes(block) * (count * 2 // max(1, len(block)) + 1))[: count * 2]


def header_of(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The length and JSON of a safetensors file."""
    table = {**({"__metadata__": dict(metadata)} if metadata else {}), **tensors}
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def laid_out(tensors: Tensors, dtype: str = "BF16", width: int = 2) -> dict[str, Any]:
    """The entries of tensors that follow each other."""
    entries, at = {}, 0
    for name, shape in tensors.items():
        size = width
        for extent in shape:
            size *= extent
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return entries


def safetensors(path: Path, tensors: Tensors) -> None:
    """A whole file of BF16 tensors with plausible values."""
    entries = laid_out(tensors)
    count = max((entry["data_offsets"][1] for entry in entries.values()), default=0) // 2
    path.write_bytes(header_of(entries, {"format": "pt"}) + bf16(count, path.name))


def span(path: Path, tensor: str) -> tuple[int, int]:
    """Where in the file that tensor begins and ends."""
    raw = path.read_bytes()
    base = 8 + int.from_bytes(raw[:8], "little")
    begin, end = json.loads(raw[8:base])[tensor]["data_offsets"]
    return base + begin, base + end


def overwrite(path: Path, at: int, data: bytes) -> None:
    """Put other bytes in the middle of a file."""
    with path.open("r+b") as opened:
        opened.seek(at)
        opened.write(data)


def shard_name(number: int, of: int = SHARDS) -> str:
    """The usual name of a shard."""
    return f"model-{number:05d}-of-{of:05d}.safetensors"


def shards_of(hidden: int = HIDDEN, layers: int = LAYERS) -> list[dict[str, list[int]]]:
    """The tensors of each shard: the table of tokens, then two of layers."""
    tensors: list[dict[str, list[int]]] = [{"model.embed_tokens.weight": [VOCABULARY, hidden]}, {}, {}]
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        tensors[1 + layer * 2 // layers] |= {
            f"{prefix}.input_layernorm.weight": [hidden],
            f"{prefix}.mlp.up_proj.weight": [ROWS, hidden],
            f"{prefix}.mlp.up_proj.bias": [ROWS],
        }
    tensors[2]["model.norm.weight"] = [hidden]
    return tensors


def model(folder: Path, hidden: int = HIDDEN) -> Path:
    """A model of three shards with all that a chat model needs."""
    folder.mkdir(parents=True)
    weight_map: dict[str, str] = {}
    for number, tensors in enumerate(shards_of(hidden), 1):
        safetensors(folder / shard_name(number), tensors)
        weight_map |= dict.fromkeys(tensors, shard_name(number))
    total = sum(path.stat().st_size for path in folder.iterdir())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "vocab_size": VOCABULARY,
        "num_hidden_layers": LAYERS,
        "tie_word_embeddings": True,
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text("{}")
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    return folder


def edit_json(path: Path, **values: Any) -> None:
    """Set entries of a JSON file; None removes one."""
    merged = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in merged.items() if value is not None}))


def pointer(digest: str, size: int) -> str:
    """A Git-LFS pointer."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n"


def hub_cache(root: Path, source: Path, repo: str = "org/name", commit: str = "c0ffee" * 6 + "abcd") -> Path:
    """A Hugging Face cache that holds the model: blobs by digest, links in a snapshot, a ref. Gives the snapshot."""
    home = root / f"models--{repo.replace('/', '--')}"
    snapshot = home / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    for path in sorted(source.iterdir()):
        raw = path.read_bytes()
        large = path.suffix == ".safetensors"
        digest = hashlib.sha256(raw).hexdigest() if large else hashlib.sha1(raw).hexdigest()
        shutil.copy(path, home / "blobs" / digest)
        (snapshot / path.name).symlink_to(f"../../blobs/{digest}")
    return snapshot


def look(model: Path | str, *, deep: bool = False, pending: dict[str, str] | None = None, **service: Any) -> ModelFiles:
    """What the host says of the model of a service."""
    spec = ServiceSpec(model=str(model), **service)
    return ModelFiles.collect(Context(service=spec, view=View(pending or {})), deep=deep)
