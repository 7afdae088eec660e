"""The demo's stage: a service whose real model moved, lost the end of a shard, and stops before it speaks."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MODEL = "SmolLM2-135M-Instruct"
_SHARD = "model-00003-of-00005.safetensors"
_KEPT = 0.6  # of the shard's bytes, as when a copy was cut off

_INVENTORY = """\
# The demo's host: this machine, with one service in process.
all:
  hosts:
    localhost:
      ansible_connection: local
      service:
        name: demo
        engine: transformers
        python: {python}
        model: {model}
"""
_VARIABLES = """\
# What the demo sets of the playbook's variables.
weights_search: [{search}]   # where the moved model is found
weights_source: {source}   # where good files come from
require_gpu: false   # let the CPU answer
prompt: {question}
"""
QUESTION = "What is the capital of France?"


@dataclass(frozen=True)
class Stage:
    """The service's folder, with ``inventory.yml`` and ``demo.yml`` (variables) in it."""

    folder: Path

    @property
    def model(self) -> Path:
        """Where the service looks for its model, in vain."""
        return self.folder / "models" / MODEL

    @property
    def moved(self) -> Path:
        """Where the model lies, with its faults."""
        return self.folder / "disk2" / MODEL


def set_up(folder: Path, good: Path, python: str) -> Stage:
    """Lay the service out anew below ``folder``, with its faults; ``good`` is never touched."""
    stage = Stage(folder / "service")
    shutil.rmtree(stage.folder, ignore_errors=True)
    stage.moved.mkdir(parents=True)
    stage.model.parent.mkdir()
    for file in good.iterdir():
        # Repairs replace files and never write into them, so that links to the good ones are safe.
        _link_or_copy(file, stage.moved / file.name)
    _cut(good / _SHARD, stage.moved / _SHARD)
    _stop_at_once(good, stage.moved)
    quoted = {
        "python": python,
        "model": str(stage.model),
        "search": str(stage.moved.parent),
        "source": str(good),
        "question": QUESTION,
    }
    # JSON's quotes are YAML's.
    values = {name: json.dumps(value) for name, value in quoted.items()}
    (stage.folder / "inventory.yml").write_text(_INVENTORY.format(**values), encoding="utf-8")
    (stage.folder / "demo.yml").write_text(_VARIABLES.format(**values), encoding="utf-8")
    return stage


def _link_or_copy(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:
        shutil.copy2(file, to)


def _cut(good: Path, to: Path) -> None:
    to.unlink()
    with good.open("rb") as source, to.open("wb") as out:
        out.write(source.read(int(good.stat().st_size * _KEPT)))


def _stop_at_once(good: Path, moved: Path) -> None:
    """Make the start of an answer end it: the model is whole, and says nothing."""
    settings = json.loads((good / "generation_config.json").read_text("utf-8"))
    vocabulary = json.loads((good / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    settings["eos_token_id"] = [settings["eos_token_id"], vocabulary["The"]]
    file = moved / "generation_config.json"
    file.unlink()
    file.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
