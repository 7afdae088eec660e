"""Judging weights: the headers of a 20 GB model, and every byte of a smaller one beside ``cat``."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.weights import weights

from .timing import command, compare, show

_SHARDS = 5


def lay_out(folder: Path, total: int, *, sparse: bool) -> None:
    """A model of this many bytes in five shards whose tensors tile their files."""
    rows, columns = 4096, 4096
    tensors = max(total // _SHARDS // (rows * columns * 2), 1)
    block = os.urandom(1 << 20)
    weight_map: dict[str, str] = {}
    for shard in range(_SHARDS):
        name = f"model-{shard + 1:05d}-of-{_SHARDS:05d}.safetensors"
        header: dict[str, Mapping[str, object]] = {}
        for number in range(tensors):
            tensor = f"model.layers.{shard * tensors + number}.mlp.up_proj.weight"
            at = number * rows * columns * 2
            header[tensor] = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [at, at + rows * columns * 2]}
            weight_map[tensor] = name
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with (folder / name).open("wb") as out:
            out.write(len(text).to_bytes(8, "little") + text)
            size = tensors * rows * columns * 2
            if sparse:
                out.truncate(8 + len(text) + size)
            else:
                # Bytes of no NaN: the high half of each bf16 stays below the exponent's end.
                clean = bytes(byte & 0x3F for byte in block)
                for _ in range(size >> 20):
                    out.write(clean)
    size = sum(file.stat().st_size for file in folder.iterdir())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))


def judge(folder: Path, *, deep: bool) -> None:
    """Collect the fact and run the diagnostic, as a local run does."""
    model = ModelFiles.collect(Context(service=ServiceSpec(model=str(folder))), deep=deep)
    list(weights(model, deep=deep))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deep-gib", type=float, default=2.0, help="size of the model that is read whole")
    parser.add_argument("--folder", help="a disk to measure on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        large, small = Path(scratch, "large"), Path(scratch, "small")
        for folder in (large, small):
            folder.mkdir()
        lay_out(large, 20 * 10**9, sparse=True)
        lay_out(small, int(options.deep_gib * 2**30), sparse=False)
        show("headers of a 20 GB model", compare({"weights": lambda: judge(large, deep=False)}))
        shards = [str(file) for file in small.glob("*.safetensors")]
        contenders = {
            "cat": command(["sh", "-c", 'cat "$@" > /dev/null', "sh", *shards]),
            "weights, deep": lambda: judge(small, deep=True),
            "sha256sum": command(["sha256sum", *shards]),
        }
        show(f"every byte of {options.deep_gib} GiB, cached", compare(contenders, runs=5), base="cat")


if __name__ == "__main__":
    main()
