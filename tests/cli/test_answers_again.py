"""The main job, whole: a real model that says nothing answers again, on this machine's CPU."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from tests import models

from .command import autoglm_fix, inventory
from .test_repair import tree

pytestmark = pytest.mark.slow

QUESTION = ("-e", json.dumps({"prompt": "What is the capital of France?", "require_gpu": False}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return models.copy(models.smollm2(), tmp_path / "models" / "SmolLM2-135M-Instruct")


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A demo folder whose model is prepared already."""
    mirror = tmp_path / "mirror" / "SmolLM2-135M-Instruct"
    models.copy(models.smollm2(), mirror)
    return tmp_path


def last(shard: Path) -> tuple[str, int, int]:
    """The last tensor of a shard, and where its bytes begin and end in the file."""
    raw = shard.read_bytes()
    base = 8 + struct.unpack("<Q", raw[:8])[0]
    table = {name: entry for name, entry in json.loads(raw[8:base]).items() if name != "__metadata__"}
    name = max(table, key=lambda each: table[each]["data_offsets"][1])
    begin, end = table[name]["data_offsets"]
    return name, base + begin, base + end


def test_the_demo_shows_repairs_and_hears_the_answer_and_undo_takes_it_all_back(stage: Path) -> None:
    found = autoglm_fix("demo", "--folder", stage)
    assert found.code == 0, found.out + found.err
    assert "1 host, 1 service: does not answer (crashed)" in found.out
    assert "1 host, 1 service: answers again" in found.out
    assert "Paris" in found.out
    service = stage / "service"
    assert (service / "models" / "SmolLM2-135M-Instruct").is_symlink()
    assert autoglm_fix("undo", "--yes").code == 0
    assert not (service / "models" / "SmolLM2-135M-Instruct").exists()
    good = stage / "mirror" / "SmolLM2-135M-Instruct"
    shard = "model-00003-of-00005.safetensors"
    assert (service / "disk2" / "SmolLM2-135M-Instruct" / shard).stat().st_size < (good / shard).stat().st_size


def test_a_healthy_model_is_proved_and_nothing_is_changed(tmp_path: Path, model: Path) -> None:
    before = tree(model)
    found = autoglm_fix("run", "no-output", "-i", inventory(tmp_path, model), *QUESTION, "--format", "json")
    host = found.document["hosts"]["localhost"]
    (proof,) = host["proof"]
    assert (found.code, host["status"], proof["status"]) == (0, "verified", "verified"), found.out
    assert "Paris" in proof["text"]
    assert {check["name"]: check["status"] for check in proof["checks"]} == dict.fromkeys(
        ("tokens", "gpu", "weights"), "pass"
    )
    assert {step["status"] for step in host["steps"]} == {"healthy"}
    assert tree(model) == before


def test_garbage_in_the_proof_makes_the_run_look_deep_once_and_repair_what_it_finds(
    tmp_path: Path, model: Path
) -> None:
    shard = model / "model-00004-of-00005.safetensors"
    name, begin, end = last(shard)
    with shard.open("r+b") as opened:
        opened.seek(begin + (end - begin) // 3)
        opened.write(b"\xff\xff" * 40)
    found = autoglm_fix(
        *("run", "no-output", "-i", inventory(tmp_path, model), *QUESTION),
        *("-e", f"weights_source={models.smollm2()}", "--format", "json"),
    )
    host = found.document["hosts"]["localhost"]
    step = next(step for step in host["steps"] if step["diagnostic"] == "weights")
    assert [finding["code"] for finding in step["findings"]] == ["weights.nan"], name
    assert (step["status"], host["status"], found.code) == ("fixed", "verified", 0), found.out
    assert shard.read_bytes() == (models.smollm2() / shard.name).read_bytes()


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has a GPU")
def test_without_a_gpu_a_run_that_requires_one_ends_unproved(tmp_path: Path, model: Path) -> None:
    found = autoglm_fix("verify", "-i", inventory(tmp_path, model), "--format", "json")
    host = found.document["hosts"]["localhost"]
    (proof,) = host["proof"]
    assert (found.code, host["status"], proof["status"]) == (2, "unproved", "unproved")
    assert {check["name"]: check["status"] for check in proof["checks"]}["gpu"] == "unproved"


def test_a_service_that_ends_every_answer_at_once_fails_as_empty_and_is_cured(tmp_path: Path, model: Path) -> None:
    settings = json.loads((model / "generation_config.json").read_text())
    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    settings["eos_token_id"] = [settings["eos_token_id"], vocabulary["The"]]
    (model / "generation_config.json").write_text(json.dumps(settings))
    hosts = inventory(tmp_path, model)
    empty = autoglm_fix("verify", "-i", hosts, *QUESTION, "--format", "json").document
    assert empty["hosts"]["localhost"]["services"]["model"]["symptom"] == "empty"
    assert empty["hosts"]["localhost"]["status"] == "failed"
    cured = autoglm_fix("run", "no-output", "-i", hosts, *QUESTION, "--format", "json").document
    assert cured["hosts"]["localhost"]["status"] == "verified"
    assert cured["hosts"]["localhost"]["services"]["model"]["cause"] == "generation_config.ends-at-once"
    assert os.path.exists(model)
