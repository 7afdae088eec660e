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


@dataclass(frozen=True)
class Stage:
    """Where things lie: the inventory, where the service looks, where to search, where good files are."""

    inventory: Path
    model: Path
    search: Path
    source: Path


def set_up(folder: Path, good: Path, python: str) -> Stage:
    """Lay the service out anew below ``folder``, with its faults; ``good`` is never touched."""
    service = folder / "service"
    shutil.rmtree(service, ignore_errors=True)
    stage = Stage(service / "inventory.yml", service / "models" / MODEL, service / "disk2", good)
    moved = stage.search / MODEL
    moved.mkdir(parents=True)
    stage.model.parent.mkdir()
    for file in good.iterdir():
        # Repairs replace files and never write into them, so that links to the good ones are safe.
        _link_or_copy(file, moved / file.name)
    _cut(good / _SHARD, moved / _SHARD)
    _stop_at_once(good, moved)
    inventory = _INVENTORY.format(python=json.dumps(python), model=json.dumps(str(stage.model)))
    stage.inventory.write_text(inventory, encoding="utf-8")
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
