"""Real generations in another Python, and the verdict over each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_fix.connect import Agent, Request
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.proof import judge
from tests import models, nvml
from tests.pythons import python_3_8

from .services import FRANCE, STAND_IN, change, check, evidence, linked, proof, replace

ROOT = Path(__file__).parents[3]
SECOND = "model-00002-of-00005.safetensors"

slow = pytest.mark.slow


@slow
def test_a_real_model_is_verified_on_the_cpu_where_that_is_allowed() -> None:
    shown = proof(models.smollm2())
    assert (shown.status, shown.code, shown.symptom) == ("verified", None, "none")
    assert "Paris" in shown.text
    assert shown.device == "cpu"
    assert check(shown, "gpu").evidence["allowed_by"] == "require_gpu: false"
    assert check(shown, "weights").status == "pass"


@slow
def test_without_a_gpu_the_claim_of_one_is_unproved_and_the_rest_is_shown() -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has an NVIDIA driver")
    shown = proof(models.smollm2(), require_gpu=True)
    assert shown.status == "unproved"
    assert [each.status for each in shown.checks] == ["pass", "unproved", "pass"]
    assert str(shown.code).startswith("proof.gpu-")
    assert "Paris" in shown.text


@slow
@pytest.mark.parametrize("require_gpu", [False, True])
def test_random_weights_are_never_right(require_gpu: bool) -> None:
    shown = proof(models.tiny_text(), require_gpu=require_gpu)
    assert shown.status == "failed"
    assert check(shown, "weights").code == "proof.weights-ignorant"
    assert "weights" in shown.points_to


@slow
def test_a_vision_model_is_shown_a_picture() -> None:
    shown = proof(models.tiny_vision(), environment=STAND_IN)
    image = check(shown, "image")
    assert (image.evidence["expected"], image.evidence["placed"], image.evidence["grown"]) == (144, 144, 146)
    assert (image.status, image.code) == ("unproved", "proof.image-misread")
    assert shown.status == "failed"


@slow
def test_a_template_without_a_place_for_the_picture_fails(tmp_path: Path) -> None:
    folder = models.copy(models.tiny_vision(), tmp_path / "model")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|begin_of_image|><|image|><|end_of_image|>", ""))
    image = check(proof(folder, environment=STAND_IN), "image")
    assert (image.status, image.code) == ("fail", "proof.image-refused")


@slow
def test_settings_that_end_the_answer_at_once_fail_as_empty(tmp_path: Path) -> None:
    folder = linked(models.smollm2(), tmp_path / "model")
    the = json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"]["The"]
    change(folder, "generation_config.json", eos_token_id=[2, the])
    shown = proof(folder)
    assert (shown.status, shown.symptom, shown.text) == ("failed", "empty", "")
    assert (shown.code, shown.points_to) == ("proof.ended-at-once", ("generation_config",))
    assert check(shown, "weights").status == "pass"


@slow
def test_a_tensor_in_no_file_fails_the_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("safetensors.torch", reason="this Python has no safetensors")
    folder = linked(models.smollm2(), tmp_path / "model")
    tensors = torch.load_file(folder / SECOND)
    lost = next(name for name in tensors if name.endswith("mlp.up_proj.weight"))
    del tensors[lost]
    (folder / SECOND).unlink()
    torch.save_file(tensors, folder / SECOND, {"format": "pt"})
    index = json.loads((folder / "model.safetensors.index.json").read_bytes())
    del index["weight_map"][lost]
    replace(folder, "model.safetensors.index.json", json.dumps(index).encode())
    shown = proof(folder)
    assert shown.status == "failed"
    assert (shown.code, shown.points_to[0]) == ("proof.weights-missing", "weights")
    assert check(shown, "weights").evidence["names"] == [lost]


@slow
def test_a_shard_of_zeros_fails_the_weights(tmp_path: Path) -> None:
    folder = linked(models.smollm2(), tmp_path / "model")
    whole = (folder / SECOND).read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    replace(folder, SECOND, whole[:header] + bytes(len(whole) - header))
    shown = proof(folder)
    assert (shown.status, shown.symptom, shown.code) == ("failed", "garbage", "proof.weights-constant")
    assert shown.points_to[0] == "weights"


@slow
@pytest.mark.parametrize(
    ("name", "content", "code", "points_to"),
    [
        ("config.json", b"{", "proof.config-failed", "generation_config"),
        ("tokenizer.json", b"{", "proof.tokenizer-failed", "tokenizer"),
        ("chat_template.jinja", b"{% for m in messages %}", "proof.template-failed", "tokenizer"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "proof.load-failed", "weights"),
        ("generation_config.json", b'{"max_new_tokens": 0}', "proof.settings-failed", "generation_config"),
        ("generation_config.json", b'{"max_new_tokens": 1}', "proof.no-room", "generation_config"),
        ("generation_config.json", b'{"do_sample": true, "temperature": 0.0}', None, "generation_config"),
    ],
)
def test_a_broken_file_is_named_by_its_diagnostic(
    tmp_path: Path, name: str, content: bytes, code: str | None, points_to: str
) -> None:
    folder = linked(models.tiny_text(), tmp_path / "model")
    replace(folder, name, content)
    shown = proof(folder)
    assert shown.status == "failed"
    assert code is None or code in {each.code for each in shown.checks}
    assert points_to in shown.points_to


def test_a_model_that_is_not_there_is_told_without_starting_anything(tmp_path: Path) -> None:
    shown = proof(tmp_path / "gone")
    assert (shown.status, shown.code) == ("failed", "proof.no-model")


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n")
    shown = proof(tmp_path)
    assert (shown.status, shown.code) == ("unproved", "proof.pickled-weights")


def test_a_python_that_is_not_there_fails_and_says_so() -> None:
    shown = proof(models.tiny_text(), python="/nowhere/bin/python")
    assert (shown.status, shown.code) == ("failed", "proof.no-python")
    assert "/nowhere/bin/python is not there" in str(shown.values["reason"])


def test_a_python_without_torch_fails_and_says_so() -> None:
    shown = proof(models.tiny_text(), python=python_3_8())
    assert (shown.status, shown.code) == ("failed", "proof.import-failed")
    assert "torch" in str(shown.values["message"])


@slow
def test_code_of_the_model_s_own_is_never_run(tmp_path: Path) -> None:
    folder = linked(models.tiny_text(), tmp_path / "model")
    change(folder, "config.json", model_type="own", auto_map={"AutoConfig": "own.Config"})
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: pass\n")
    shown = proof(folder)
    assert (shown.status, shown.code) == ("unproved", "proof.needs-remote-code")
    assert not (tmp_path / "ran").exists()


@slow
def test_nothing_is_written_beside_the_model(tmp_path: Path) -> None:
    folder = models.copy(models.tiny_text(), tmp_path / "model")
    before = {path: path.stat() for path in sorted(tmp_path.rglob("*"))}
    evidence(folder, environment={"HOME": str(tmp_path)})
    after = {path: path.stat() for path in sorted(tmp_path.rglob("*"))}
    assert before.keys() == after.keys()
    assert all(before[path].st_mtime_ns == after[path].st_mtime_ns for path in before)


@slow
@pytest.mark.parametrize("python", ["this", "3.8"])
def test_an_agent_that_came_from_memory_proves_the_same(python: str) -> None:
    agent = Agent(LocalChannel(argv(sys.executable if python == "this" else python_3_8())))
    asked = {"prompt": FRANCE, "max_new_tokens": 8, "require_gpu": False, "timeout_s": 120}
    service = {"python": sys.executable, "model": str(models.tiny_text()), "working_dir": "/"}
    heard: list[str] = []
    try:
        modules = ("autoglm_fix.agent.proof.prove",)
        reply = agent.ask(
            Request("prove", asked, service=service, modules=modules),
            lambda _, event: heard.append(str(event["event"])),
        )
    finally:
        agent.close()
    shown = judge(reply, service="model", require_gpu=False)
    assert check(shown, "weights").code == "proof.weights-ignorant"
    assert set(heard) <= {"progress", "log", "alive"}
    assert "progress" in heard


def test_who_holds_the_gpu_is_named_where_the_model_has_no_room(tmp_path: Path) -> None:
    driver = nvml.build(tmp_path / "driver")
    folder = tmp_path / "model"
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as out:
        out.truncate(40 << 30)
    code = (
        "import json, sys; from tests.agent.proof.services import evidence;"
        f"print(json.dumps(evidence({str(folder)!r}, require_gpu=True)))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_LIBRARY_PATH": str(driver),
        "NVML_USED": str(70 << 30),
        "NVML_PIDS": f"{os.getpid()}:{70 << 30}",
    }
    told = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
    shown = judge(json.loads(told.stdout), service="model", require_gpu=True)
    assert (shown.status, shown.code) == ("unproved", "proof.gpu-held")
    (holder,) = shown.values["holders"]
    assert f"(pid {os.getpid()}, 70.0 GiB)" in holder
