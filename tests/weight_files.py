"""Small models as files: true headers, an index, a config and a tokenizer, with random bytes for weights."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

HIDDEN, VOCAB = 64, 300
CONFIG = {
    "architectures": ["Glm4ForCausalLM"],
    "model_type": "glm4",
    "hidden_size": HIDDEN,
    "vocab_size": VOCAB,
    "num_hidden_layers": 4,
}


def safetensors(tensors: dict[str, list[int]], seed: int = 0) -> bytes:
    """A whole file of BF16 tensors (name -> shape)."""
    table: dict[str, Any] = {}
    at = 0
    for name, shape in tensors.items():
        size = 2
        for extent in shape:
            size *= extent
        table[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    header = json.dumps(table).encode()
    header = header.ljust(-(-len(header) // 8) * 8)
    # Bytes below 0x3f in the high half keep every BF16 a number.
    body = bytearray(random.Random(seed).randbytes(at))
    body[1::2] = bytes(each & 0x3F for each in body[1::2])
    return len(header).to_bytes(8, "little") + header + bytes(body)


def write_model(folder: Path, *, seed: int = 0, shards: int = 2, config: dict[str, Any] | None = None) -> Path:
    """A model of ``shards`` shards (one: without an index) that has nothing wrong with it."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = [f"model.layers.{at}.mlp.down_proj.weight" for at in range(4)]
    tensors = {"model.embed_tokens.weight": [VOCAB, HIDDEN], **{name: [HIDDEN, HIDDEN] for name in layers}}
    names = list(tensors)
    weight_map: dict[str, str] = {}
    for at in range(shards):
        file = f"model-{at + 1:05d}-of-{shards:05d}.safetensors" if shards > 1 else "model.safetensors"
        ours = names[at::shards]
        weight_map.update(dict.fromkeys(ours, file))
        (folder / file).write_bytes(safetensors({name: tensors[name] for name in ours}, seed * 100 + at))
    if shards > 1:
        index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({**CONFIG, **(config or {})}))
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (folder / "generation_config.json").write_text("{}")
    return folder


def hub_cache(cache: Path, model: str, source: Path, revision: str = "a" * 40) -> Path:
    """The folder as a snapshot in a hub's cache: links to blobs that are named by digest."""
    import hashlib

    repo = cache / ("models--" + model.replace("/", "--"))
    snapshot = repo / "snapshots" / revision
    for folder in (repo / "blobs", repo / "refs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (repo / "refs" / "main").write_text(revision)
    for file in source.iterdir():
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if not file.name.endswith(".safetensors"):
            digest = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        (repo / "blobs" / digest).write_bytes(content)
        (snapshot / file.name).symlink_to(f"../../blobs/{digest}")
    return snapshot
