"""What a server tells of itself beside its answers: its models, its counters, its health."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .caller import Caller

_SECONDS = 5.0
_MOST_MODELS = 64
_SAMPLE = re.compile(r"^([a-zA-Z_][\w:]*)(?:\{.*\})?[ \t]+(\S+)", re.MULTILINE)
# What we read of each engine's metrics: the sums over all labels.
_COUNTERS = frozenset(
    {
        *("vllm:generation_tokens_total", "vllm:prompt_tokens_total", "vllm:corrupted_requests_total"),
        *("vllm:num_requests_running", "vllm:num_requests_waiting"),
        *("sglang:generation_tokens_total", "sglang:prompt_tokens_total", "sglang:num_running_reqs"),
        *("llamacpp:tokens_predicted_total", "llamacpp:prompt_tokens_total", "llamacpp:requests_processing"),
    }
)


def health(caller: Caller) -> dict[str, Any]:
    """``status`` of ``/health``, or the ``error``."""
    got = caller.get(caller.address.root + "/health", _SECONDS)
    return {"status": got["status"], "error": got["error"]}


def models(caller: Caller) -> dict[str, Any]:
    """``ids`` of the served models, None where the server does not say."""
    got = caller.get(caller.address.path + "/models", _SECONDS)
    ids = None
    if got["status"] == 200:
        listed = _table(got["text"]).get("data")
        if isinstance(listed, list):
            ids = [each["id"] for each in listed if isinstance(each, dict) and isinstance(each.get("id"), str)]
            ids = ids[:_MOST_MODELS]
    return {"status": got["status"], "error": got["error"], "ids": ids}


def counters(caller: Caller) -> dict[str, float]:
    """The engine's counters by name; none where it shows none."""
    found: dict[str, float] = {}
    got = caller.get(caller.address.root + "/metrics", _SECONDS)
    for name, written in _SAMPLE.findall(got["text"]) if got["status"] == 200 else ():
        try:
            value = float(written)
        except ValueError:
            continue
        if name in _COUNTERS and math.isfinite(value):
            found[name] = found.get(name, 0.0) + value
    return found


def generated(before: dict[str, float], after: dict[str, float]) -> float:
    """By how many tokens the engine says that it went on."""
    counted = [name for name in before if name.endswith(("generation_tokens_total", "predicted_total"))]
    return sum(after.get(name, 0.0) - before[name] for name in counted)


def loaded_by_ollama(caller: Caller) -> list[dict[str, Any]]:
    """The models that Ollama holds: ``name``, ``size`` and ``size_vram`` in bytes."""
    listed = _table(caller.get(caller.address.root + "/api/ps", _SECONDS)["text"]).get("models")
    if not isinstance(listed, list):
        return []
    names = ("name", "size", "size_vram")
    return [{name: each.get(name) for name in names} for each in listed if isinstance(each, dict)]


def _table(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
