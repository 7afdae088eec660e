"""Proofs on a machine with an NVIDIA GPU and a build of torch for it: ``pytest -m gpu tests/gpu``."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from autoglm_fix.agent import nvml
from autoglm_fix.proof import judge
from tests import models
from tests.agent.proof.services import STAND_IN, check, evidence, proof

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _gpu() -> None:
    """A GPU that the driver shows and this Python's torch can use, or a skip that says what is lacking."""
    seen = nvml.snapshot()
    if "problem" in seen:
        pytest.skip(f"no NVIDIA GPU on this machine: {seen['problem']}")
    if importlib.util.find_spec("torch") is None:
        pytest.skip("this Python has no torch: install the extra `verify`")
    torch = importlib.import_module("torch")
    if not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} cannot use the GPU")


def test_a_real_model_is_verified_on_the_gpu() -> None:
    shown = proof(models.smollm2(), require_gpu=True)
    assert (shown.status, shown.code) == ("verified", None)
    assert [each.status for each in shown.checks] == ["pass", "pass", "pass"]
    assert "Paris" in shown.text
    assert str(shown.device).startswith("cuda:")
    assert shown.gpu["uuid"].startswith(("GPU-", "MIG-"))
    assert check(shown, "gpu").evidence["seen_by"] in ("nvml-process", "nvml-device", "cuda-driver")
    assert check(shown, "gpu").evidence["event_s"] > 0


def test_the_memory_is_given_back() -> None:
    seen = evidence(models.smollm2(), require_gpu=True)
    pids = set(seen["nvml"]["pids"])
    left = [each["pid"] for gpu in seen["nvml"]["after"]["gpus"] for each in gpu.get("processes", [])]
    assert pids
    assert not pids & set(left)


def test_a_vision_model_computes_its_picture_on_the_gpu() -> None:
    shown = proof(models.tiny_vision(), require_gpu=True, environment=STAND_IN)
    assert check(shown, "gpu").status == "pass"
    assert check(shown, "image").evidence["placed"] == 144


def test_hidden_gpus_are_told_from_absent_ones() -> None:
    shown = proof(models.tiny_text(), require_gpu=True, environment={"CUDA_VISIBLE_DEVICES": ""})
    assert check(shown, "gpu").code == "proof.gpu-hidden"


def test_a_model_larger_than_the_free_memory_is_not_loaded(tmp_path: Path) -> None:
    free = sum(gpu["free"] for gpu in nvml.snapshot()["gpus"])
    with (tmp_path / "model.safetensors").open("wb") as out:
        out.truncate(2 * free)
    seen = evidence(tmp_path, require_gpu=True)
    shown = judge(seen, service="model", require_gpu=True)
    assert seen["probe"] is None
    assert (shown.status, shown.code) in (("unproved", "proof.gpu-held"), ("unproved", "proof.gpu-full"))
