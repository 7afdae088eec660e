"""The second claim: the tokens came from this GPU, by a word other than torch's own."""

from __future__ import annotations

from typing import Any

from .claim import Claim, Evidence, rounded

NAME = "gpu"
_MOST = 0.9  # of the weights: other processes come and go while we look


def judge_gpu(evidence: Evidence, *, require_gpu: bool) -> Claim:
    """Pass: every parameter lies on a GPU, which worked, and the driver saw it.

    ``seen_by`` is ``nvml-process`` (the driver lists our process), ``nvml-device`` or ``cuda-driver`` (no
    usable process ids, as in a container or WSL2: the memory used on the device rose by the weights).
    """
    probe = evidence["probe"]
    devices: dict[str, int] = probe["model"]["devices"]
    on_gpu = {name: size for name, size in devices.items() if name.startswith("cuda")}
    if not on_gpu:
        return _on_cpu(evidence, require_gpu=require_gpu)
    facts: dict[str, Any] = {
        "devices": devices,
        "event_s": rounded((probe.get("main") or {}).get("event_s")),
        "memory": probe.get("memory", {}),
        **described(evidence),
    }
    elsewhere = sum(devices.values()) - sum(on_gpu.values())
    if elsewhere:
        others = sorted(set(devices) - set(on_gpu))
        return Claim(NAME, "fail", {**facts, "bytes": elsewhere, "elsewhere": others}, "proof.offloaded", "slow")
    if not facts["event_s"] or not all(_held(facts["memory"].get(name), size) for name, size in on_gpu.items()):
        return Claim(NAME, "unproved", facts, "proof.gpu-not-shown")
    seen_by = _seen_by(evidence, on_gpu)
    if seen_by is None:
        return Claim(NAME, "unproved", facts, "proof.gpu-not-seen")
    return Claim(NAME, "pass", {**facts, "seen_by": seen_by})


def described(evidence: Evidence) -> dict[str, Any]:
    """The GPU that was used, as the driver names it: ``uuid``, ``name``, ``driver``."""
    probe = evidence["probe"]
    found: dict[str, Any] = {}
    used = [device for device in probe["model"]["devices"] if device.startswith("cuda:")]
    listed = probe["cuda"]["devices"]
    for device in sorted(used)[:1]:
        index = int(device.partition(":")[2])
        if index < len(listed):
            found = {name: listed[index][name] for name in ("uuid", "name", "capability")}
    driver = evidence["nvml"]["before"].get("driver")
    return {**found, "driver": driver} if found else {}


def holders(evidence: Evidence) -> list[str]:
    """Who holds the GPUs' memory, the greatest first: "vllm (pid 812, 70.1 GiB)"."""
    found: dict[int, tuple[int, str]] = {}
    for gpu in evidence["nvml"]["before"].get("gpus", []):
        for process in gpu.get("processes", []):
            used, _ = found.get(process["pid"], (0, ""))
            found[process["pid"]] = (used + (process["used"] or 0), process["name"])
    listed = sorted(found.items(), key=lambda each: -each[1][0])
    return [f"{name or '?'} (pid {pid}, {used / 2**30:.1f} GiB)" for pid, (used, name) in listed]


def no_memory(evidence: Evidence, short: Evidence) -> tuple[str, dict[str, Any]]:
    """The code and values for a GPU without room."""
    held = holders(evidence)
    values = {"free": short["free"], "needed": short["needed"], "holders": held}
    return ("proof.gpu-held" if held else "proof.gpu-full"), values


def _on_cpu(evidence: Evidence, *, require_gpu: bool) -> Claim:
    probe = evidence["probe"]
    if not require_gpu:
        return Claim(NAME, "pass", {"device": "cpu", "allowed_by": "require_gpu: false"})
    if probe["cuda"]["problem"]:
        kind, words = probe["cuda"]["problem"]
        seen = [gpu.get("name", "") for gpu in evidence["nvml"]["before"].get("gpus", [])]
        return Claim(NAME, "unproved", {"device": "cpu", "reason": words, "gpus": seen}, f"proof.gpu-{kind}")
    code, values = no_memory(evidence, probe["short"])
    return Claim(NAME, "unproved", {"device": "cpu", **values}, code)


def _held(memory: Evidence | None, size: int) -> bool:
    return memory is not None and memory["allocated"] >= _MOST * size and memory["peak"] > memory["allocated"] * _MOST


def _seen_by(evidence: Evidence, on_gpu: dict[str, int]) -> str | None:
    nvml = evidence["nvml"]
    weights = sum(on_gpu.values())
    before, during = nvml["before"] or {}, nvml["during"] or {}
    pids = set(nvml["pids"])
    for gpu in during.get("gpus", []):
        for process in gpu.get("processes", []):
            if process["pid"] in pids and (process["used"] is None or process["used"] >= _MOST * weights / len(on_gpu)):
                return "nvml-process"
    then = {gpu.get("uuid"): gpu.get("used") for gpu in before.get("gpus", [])}
    risen = 0
    for gpu in during.get("gpus", []):
        was, now = then.get(gpu.get("uuid")), gpu.get("used")
        risen += max(now - was, 0) if was is not None and now is not None else 0
    if risen >= _MOST * weights:
        return "nvml-device"
    probe = evidence["probe"]
    taken = 0
    for name in on_gpu:
        listed, index = probe["cuda"]["devices"], int(name.partition(":")[2] or 0)
        if index < len(listed):
            taken += listed[index]["free"] - probe["memory"][name]["free"]
    return "cuda-driver" if taken >= _MOST * weights else None
