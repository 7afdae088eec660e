"""Services whose model is one of the small real ones, whole or broken, and the proof of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.proof.prove import prove
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.proof import Check, Proof, judge
from tests import models

FRANCE = "What is the capital of France?"
STAND_IN = {"PYTHONPATH": str(Path(models.__file__).parent / "stand_in")}


def service(model: Path | str, **more: Any) -> ServiceSpec:
    return ServiceSpec(**{"python": sys.executable, "model": str(model), "working_dir": "/", **more})


def proof(model: Path | str, prompt: str = FRANCE, *, require_gpu: bool = False, **more: Any) -> Proof:
    """What the judge says of the service of a model."""
    seen = evidence(model, prompt, require_gpu=require_gpu, **more)
    return judge(seen, service="model", require_gpu=require_gpu)


def evidence(model: Path | str, prompt: str = FRANCE, *, require_gpu: bool = False, **more: Any) -> dict[str, Any]:
    ctx = Context(service=service(model, **more))
    return prove(ctx, prompt=prompt, max_new_tokens=50, require_gpu=require_gpu, timeout_s=300)


def check(of: Proof, name: str) -> Check:
    return next(each for each in of.checks if each.name == name)


def linked(model: Path, folder: Path) -> Path:
    """The model's files as links in a new folder, each to be replaced by a broken one."""
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def replace(folder: Path, name: str, content: bytes) -> None:
    (folder / name).unlink()
    (folder / name).write_bytes(content)


def change(folder: Path, name: str, **values: Any) -> None:
    """Change values of a JSON file."""
    known = json.loads((folder / name).read_bytes())
    replace(folder, name, json.dumps({**known, **values}).encode())
