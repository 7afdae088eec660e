"""Evidence for the judge: what was recorded, and changes to it by dotted path."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
GIB = 1 << 30


@functools.cache
def _recorded() -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "recorded.yml").read_text("utf-8")))


def recorded(name: str) -> dict[str, Any]:
    """An own copy of the evidence of that name."""
    return dict(copy.deepcopy(on_gpu() if name == "gpu" else _recorded()[name]))


def on_gpu() -> dict[str, Any]:
    """The recorded generation as it would look on one GPU that the driver lists our process on."""
    evidence = copy.deepcopy(_recorded()["smollm2"])
    weights = evidence["probe"]["model"]["bytes"]
    uuid, total = "GPU-5a0c", 80 * GIB
    gpu = {"index": 0, "uuid": uuid, "name": "NVIDIA A100", "total": total, "problems": []}
    empty = {**gpu, "used": GIB, "free": total - GIB, "processes": []}
    used = GIB + 2 * weights
    ours = [{"pid": 4711, "name": "python", "used": used - GIB}]
    busy = {**gpu, "used": used, "free": total - used, "processes": ours}
    evidence["nvml"] = {
        "before": {"driver": "580.95.05", "gpus": [empty]},
        "during": {"driver": "580.95.05", "gpus": [busy]},
        "after": {"driver": "580.95.05", "gpus": [copy.deepcopy(empty)]},
        "pids": [4711],
    }
    listed = {"name": "NVIDIA A100", "uuid": uuid, "capability": "8.0", "total": total, "free": total - GIB}
    evidence["probe"]["cuda"] = {
        "build": "13.0",
        "architectures": ["sm_80"],
        "visible": None,
        "devices": [listed],
        "problem": None,
    }
    evidence["probe"]["model"]["devices"] = {"cuda:0": weights}
    evidence["probe"]["main"]["event_s"] = 0.31
    held = {"allocated": weights + 1000, "peak": weights + 9_000_000, "free": total - used, "total": total}
    evidence["probe"]["memory"] = {"cuda:0": held}
    return evidence


def changed(evidence: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence with values at dotted paths replaced; ``null`` at ``path!`` takes the key away."""
    for path, value in copy.deepcopy(dict(change)).items():
        *above, last = path.rstrip("!").split(".")
        at: Any = evidence
        for part in above:
            at = at[int(part)] if isinstance(at, list) else at[part]
        if path.endswith("!"):
            del at[last]
        else:
            at[int(last) if isinstance(at, list) else last] = value
    return evidence
