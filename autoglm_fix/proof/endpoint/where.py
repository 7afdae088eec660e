"""The claim ``gpu`` of a service that runs: the driver lists the very processes that answer."""

from __future__ import annotations

import re
from typing import Any

from ..claim import Claim, Evidence
from .problem import Problem
from .reached import front, on_gpu

NAME = "gpu"
# Where process ids are hidden, so much of a GPU is in use by a service that holds the driver's nodes open.
_MOST, _CONTEXT = 0.9, 1 << 30
_NODE = re.compile(r"/dev/nvidia\d+")
# Of the weights' size on disk: weights may be packed to four bits of sixteen while they are loaded.
_LEAST = 0.25
_DRIVER_HANGS = "the driver does not answer"


def judge_where(evidence: Evidence, *, require_gpu: bool) -> Claim:
    """Pass: NVML lists a process of the port's owner, its children or the service, with memory of its own.

    ``seen_by`` is ``nvml-process``, or ``device-node`` where the driver hides whose processes they are (as in a
    container): the service holds a GPU's node open, and the memory in use is as much as its weights.
    """
    seen = on_gpu(evidence, _pids(evidence))
    used = sum(process["used"] or 0 for _, process in seen)
    known = all(process["used"] is not None for _, process in seen)
    facts: dict[str, Any] = {"owner": evidence["owner"].get("names", []), **described(evidence)}
    if seen:
        facts.update(pids=sorted({process["pid"] for _, process in seen}), used=used if known else None)
    loaded = _of_ollama(evidence)
    if loaded is not None and 0 < loaded[0] < loaded[1]:
        values = {"bytes": loaded[1] - loaded[0]}
        return Problem("endpoint.offloaded", "slow", ("vram",), values).claim(NAME, facts)
    if seen and not (loaded and loaded[0] == 0):
        if known and used < _LEAST * evidence["weights"]:
            values = {"used": used, "weights": evidence["weights"]}
            return Problem("endpoint.gpu-too-little", "slow", ("vram",), values, "unproved").claim(NAME, facts)
        return Claim(NAME, "pass", {**facts, "seen_by": "nvml-process"})
    if not loaded and _by_node(evidence):
        return Claim(NAME, "pass", {**facts, "seen_by": "device-node", "nodes": evidence["owner"]["nodes"]})
    if not require_gpu:
        device = "cpu" if evidence["owner"]["local"] else "?"
        return Claim(NAME, "pass", {"device": device, "allowed_by": "require_gpu: false"})
    return _unseen(evidence).claim(NAME, facts)


def described(evidence: Evidence) -> dict[str, Any]:
    """The GPU that the service is on, as the driver names it: ``uuid``, ``name``, ``driver``."""
    for gpu in _its_gpus(evidence):
        return {"uuid": gpu.get("uuid"), "name": gpu.get("name"), "driver": _seen(evidence).get("driver")}
    return {}


def devices(evidence: Evidence) -> list[str]:
    """The names of the GPUs that it is on."""
    return [str(gpu.get("name") or gpu["index"]) for gpu in _its_gpus(evidence)]


def _its_gpus(evidence: Evidence) -> list[Evidence]:
    found = {gpu["index"]: gpu for gpu, _ in on_gpu(evidence, _pids(evidence))}
    if not found and _by_node(evidence):
        found = {gpu["index"]: gpu for gpu in _seen(evidence)["gpus"] if (gpu.get("used") or 0) >= _CONTEXT}
    return [gpu for _, gpu in sorted(found.items())]


def _by_node(evidence: Evidence) -> bool:
    """Whether a service whose process ids the driver hides is on a GPU all the same."""
    gpus = _seen(evidence).get("gpus", [])
    if any(process["name"] for gpu in gpus for process in gpu.get("processes", [])):
        return False
    held = [
        node
        for pid, nodes in evidence["owner"].get("nodes", {}).items()
        if int(pid) in _pids(evidence)
        for node in nodes
    ]
    used = sum(gpu.get("used") or 0 for gpu in gpus)
    enough = used >= max(_MOST * evidence["weights"], _CONTEXT)
    return enough and "/dev/nvidia-uvm" in held and any(_NODE.fullmatch(node) for node in held)


def _seen(evidence: Evidence) -> Evidence:
    seen: Evidence = evidence["nvml"]["after"] or evidence["nvml"]["before"]
    return seen


def _pids(evidence: Evidence) -> set[int]:
    """Who really answers: behind a front end it is the service's own processes."""
    tree, own = set(evidence["owner"].get("tree") or ()), set((evidence["service"] or {}).get("pids") or ())
    if front(evidence) or not tree:
        return own
    return tree | own if tree & own else tree


def _of_ollama(evidence: Evidence) -> tuple[int, int] | None:
    """The bytes of the model on the GPU, and all of them, as Ollama tells."""
    listed = evidence["ollama"] or []
    named = [each for each in listed if str(each["name"]).split(":")[0] == str(evidence["model"]).split(":")[0]]
    for each in named or listed[:1]:
        if type(each["size"]) is int and type(each["size_vram"]) is int:
            return each["size_vram"], each["size"]
    return None


def _unseen(evidence: Evidence) -> Problem:
    owner, seen = evidence["owner"], evidence["nvml"]["before"]
    if not owner["local"]:
        return Problem("endpoint.gpu-remote", values={"url": evidence["url"]}, status="unproved")
    if seen.get("problem") == _DRIVER_HANGS:
        return Problem("proof.driver-hangs", "hang", ("cuda",), status="unproved")
    if not seen.get("gpus"):
        reason = seen.get("problem") or "the driver lists no GPU"
        return Problem("endpoint.gpu-none", values={"reason": reason}, status="unproved")
    if not _pids(evidence):
        between = front(evidence)
        reason = f"{between} stands before it" if between else owner.get("problem") or "?"
        return Problem("endpoint.gpu-no-owner", values={"reason": reason}, status="unproved")
    values = {"names": owner.get("names") or ["?"]}
    return Problem("endpoint.gpu-not-seen", "none", ("cuda", "service"), values, "unproved")
