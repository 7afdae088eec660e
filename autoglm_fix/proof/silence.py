"""What it means when there was no generation to judge: a verdict for each way to end before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoglm_fix.diagnostics import Symptom

from .claim import Evidence
from .gpu import no_memory
from .result import ProofStatus

# What the agent could not finish, by the kind of its error.
_UNFINISHED: Mapping[str, tuple[str, ProofStatus, Symptom]] = {
    "unknown": ("cannot-tell", "unproved", "none"),
    "deadline": ("no-answer-in-time", "failed", "hang"),
    "stalled": ("no-answer-in-time", "failed", "hang"),
}
_DIED: Mapping[str, tuple[str, ProofStatus, Symptom]] = {
    "not-started": ("no-python", "failed", "crashed"),
    "not-python": ("no-python", "failed", "crashed"),
    "killed": ("killed", "failed", "crashed"),
    "exited": ("exited", "failed", "crashed"),
    "timeout": ("too-slow", "failed", "slow"),
    "stalled": ("stalled", "failed", "hang"),
    "raised": ("broke", "unproved", "none"),
}
# Which diagnostics look at what a stage reads.
_STAGES: Mapping[str, tuple[str, ...]] = {
    "config": ("weights", "generation_config"),
    "tokenizer": ("tokenizer",),
    "load": ("weights", "generation_config"),
    "generate": ("generation_config", "tokenizer"),
}
# The library's file that refuses wrong values of generation_config.json, while it loads the model.
_SETTINGS = "generation/configuration_utils.py"
_OUT_OF_MEMORY = ("OutOfMemoryError", "MemoryError")


@dataclass(frozen=True)
class Silence:
    """Why nothing was generated."""

    code: str
    status: ProofStatus
    values: Evidence = field(default_factory=dict)
    symptom: Symptom = "none"
    points_to: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()


def silence(evidence: Evidence) -> Silence | None:
    """Why there is nothing to judge, None where there is."""
    if "error" in evidence:
        code, status, symptom = _UNFINISHED.get(evidence["kind"], ("cut-off", "unproved", "none"))
        return Silence(f"proof.{code}", status, {"reason": evidence["error"]}, symptom, (), tuple(evidence["tail"]))
    if evidence["skipped"] == "absent":
        return Silence("proof.no-model", "failed", {"model": evidence["model"]}, "crashed", ("weights",))
    if evidence["skipped"] == "pickled":
        return Silence("proof.pickled-weights", "unproved", {"model": evidence["model"]})
    if evidence["skipped"] == "wedged":
        return Silence("proof.driver-hangs", "unproved", {}, "hang")
    if evidence["skipped"] == "gpu":
        free = sum(gpu.get("free", 0) for gpu in evidence["nvml"]["before"]["gpus"])
        code, values = no_memory(evidence, {"free": free, "needed": evidence["weights"]})
        return Silence(code, "unproved", values)
    if evidence["died"]:
        return _died(evidence["died"])
    probe = evidence["probe"]
    if probe.get("failure"):
        return _failed(probe["failure"])
    return None if "model" in probe else _not_loaded(evidence)


def _died(died: Evidence) -> Silence:
    stage = died["stage"] or "start"
    values: dict[str, Any] = {"reason": died["reason"], "stage": stage, "seconds": round(died["after_s"])}
    tail = tuple(died["tail"])
    if died["kind"] == "killed":
        values.update(signal=died["signal"], where=died["out_of_memory"])
        if died["out_of_memory"]:
            return Silence("proof.out-of-host-memory", "unproved", values, tail=tail)
    code, status, symptom = _DIED[died["kind"]]
    points_to = _STAGES.get(stage, ()) if status == "failed" else ()
    return Silence(f"proof.{code}", status, values, symptom, points_to, tail)


def _failed(failure: Evidence) -> Silence:
    stage = failure["stage"]
    values = {"error": failure["type"], "message": _first(failure["message"]), "stage": stage}
    tail = tuple(failure["tail"])
    if failure["type"] in _OUT_OF_MEMORY:
        return Silence("proof.out-of-memory", "unproved", values, tail=tail)
    if "trust_remote_code" in failure["message"]:
        return Silence("proof.needs-remote-code", "unproved", values, tail=tail)
    points_to = _STAGES.get(stage, ())
    if {"ImportError", "ModuleNotFoundError"} & {failure["type"], *failure["bases"]}:
        stage, points_to = "import", ()
    elif stage == "load" and any(_SETTINGS in line for line in failure["tail"]):
        stage, points_to = "settings", ("generation_config",)
    return Silence(f"proof.{stage}-failed", "failed", values, "crashed", points_to, tail)


def _not_loaded(evidence: Evidence) -> Silence:
    """Nothing was tried: no GPU to be used, or no memory."""
    probe = evidence["probe"]
    short = probe["short"]
    if short and short["of"] == "gpu":
        code, values = no_memory(evidence, short)
        return Silence(code, "unproved", values)
    if short:
        return Silence("proof.host-full", "unproved", {"free": short["free"], "needed": short["needed"]})
    kind, words = probe["cuda"]["problem"]
    return Silence(f"proof.gpu-{kind}", "unproved", {"reason": words})


def _first(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines)[:300]
