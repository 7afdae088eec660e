"""candidates: the models that lie elsewhere on the host, and what tells them apart."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts import candidates as room
from autoglm_fix.agent.facts.candidates import Candidate, Candidates
from autoglm_fix.agent.naming import alike, called, hub_id, related
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.view import View
from tests.weight_files import hub_cache, safetensors, write_model

SHARD = "model-00002-of-00002.safetensors"


def look(search: list[Path] | None, model: str = "/gone/models/AutoGLM-Phone-9B", **more: Any) -> Candidates:
    """The candidates as the controller gets them: through JSON."""
    ctx = Context(ServiceSpec(model=model, **more))
    found = Candidates.collect(ctx, search=None if search is None else [str(each) for each in search])
    return msgspec.convert(json.loads(json.dumps(plain(found))), Candidates)


def only(found: Candidates) -> Candidate:
    assert len(found.found) == 1
    return found.found[0]


def test_a_model_is_found_with_what_is_known_of_it(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a" / "b" / "AutoGLM-Phone-9B")
    found = look([tmp_path])
    each = only(found)
    assert (each.path, each.name, each.hub, each.problem, each.barrier) == (str(folder), "AutoGLM-Phone-9B", "", "", "")
    assert each.size == sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    assert (each.config.model_type, each.config.architectures) == ("glm4", ["Glm4ForCausalLM"])
    assert found.names == ["AutoGLM-Phone-9B"]
    assert (found.searched, found.complete, found.reads) == ([str(tmp_path)], True, [str(folder)])


def test_nothing_below_the_folders_is_nothing_found(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "lonely").mkdir()
    (tmp_path / "lonely" / "model.safetensors").write_bytes(b"x")
    found = look([tmp_path, tmp_path / "not-there", tmp_path / "config.json"])
    assert found.found == []
    assert found.complete


def test_a_hubs_cache_is_recognised(tmp_path: Path) -> None:
    source = write_model(tmp_path / "source")
    snapshot = hub_cache(tmp_path / "cache" / "hub", "zai-org/AutoGLM-Phone-9B", source)
    each = only(look([tmp_path / "cache"]))
    assert (each.path, each.name, each.hub, each.revision) == (
        str(snapshot),
        "AutoGLM-Phone-9B",
        "zai-org/AutoGLM-Phone-9B",
        "a" * 40,
    )
    assert not each.problem


# Identity


def test_copies_have_one_identity_whatever_their_names(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "one")
    shutil.copytree(folder, tmp_path / "two")
    hub_cache(tmp_path / "hub", "org/three", folder)
    (tmp_path / "two" / "generation_config.json").write_text('{"temperature": 1}')
    assert len({each.identity for each in look([tmp_path]).found}) == 1
    assert len(look([tmp_path]).found) == 3


def _another_seed(folder: Path) -> None:
    write_model(folder, seed=1)


def _one_shard_tuned(folder: Path) -> None:
    raw = bytearray((folder / SHARD).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / SHARD).write_bytes(bytes(raw))


def _other_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"b": 0}}}')


def _other_layout(folder: Path) -> None:
    shutil.rmtree(folder)
    write_model(folder, shards=1)


@pytest.mark.parametrize("change", [_another_seed, _one_shard_tuned, _other_tokenizer, _other_layout])
def test_other_content_has_another_identity(tmp_path: Path, change: Any) -> None:
    write_model(tmp_path / "one")
    change(write_model(tmp_path / "two"))
    assert len({each.identity for each in look([tmp_path]).found}) == 2


# Wholeness


def _cut(folder: Path) -> None:
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:-1])


def _swap(folder: Path) -> None:
    (folder / SHARD).write_bytes(safetensors({"other.weight": [4, 4]}))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_cut, f"{SHARD} is truncated"),
        (lambda folder: (folder / SHARD).unlink(), f"{SHARD} is not there"),
        (lambda folder: (folder / SHARD).write_text("version https://git-lfs\nsize 1\n"), f"{SHARD} is lfs-pointer"),
        (_swap, "model.safetensors.index.json does not fit"),
        (lambda folder: (folder / "model.safetensors.index.json").write_text("{"), "does not fit"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is broken"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "it has no tokenizer"),
    ],
    ids=["cut", "missing", "pointer", "another shard", "index", "config", "tokenizer"],
)
def test_what_keeps_a_model_from_being_whole_is_said(tmp_path: Path, spoil: Any, problem: str) -> None:
    spoil(write_model(tmp_path / "m"))
    assert problem in only(look([tmp_path])).problem


def test_what_the_services_user_may_not_read_is_judged_and_the_barrier_named(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can read what the service's user cannot")
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    (tmp_path / "closed").mkdir(mode=0o700)
    closed = write_model(tmp_path / "closed" / "m")
    opened = write_model(tmp_path / "open")
    (opened / SHARD).chmod(0o600)
    found = {each.path: each for each in look([tmp_path], user="nobody").found}
    assert found[str(closed)].barrier == str(tmp_path / "closed")
    assert found[str(opened)].barrier == str(opened / SHARD)
    assert found[str(closed)].identity == found[str(opened)].identity
    assert not found[str(closed)].problem


# The walk


def test_loops_of_links_end(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a" / "m")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "nowhere").symlink_to("/gone")
    (tmp_path / "again").symlink_to(folder)
    assert len(look([tmp_path, tmp_path / "a"]).found) == 1


def test_the_kernels_filesystems_are_not_entered(tmp_path: Path) -> None:
    for name in ("proc", "sys", "dev"):
        (tmp_path / name).symlink_to(f"/{name}")
    walk = room._Walk(View(), gguf=False)
    assert list(walk.models([str(tmp_path)])) == []
    assert walk._entries < 10


def test_what_is_no_place_for_models_is_passed_over(tmp_path: Path) -> None:
    for place in (".git", ".trash", "x/site-packages", "node_modules"):
        write_model(tmp_path / place / "m")
    write_model(tmp_path / ".cache" / "huggingface" / "m")
    assert only(look([tmp_path])).path == str(tmp_path / ".cache" / "huggingface" / "m")


def test_the_walk_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath(*[f"d{at}" for at in range(10)])
    write_model(deep)
    found = look([tmp_path])
    assert (found.found, found.complete) == ([], False)
    monkeypatch.setattr(room, "_MOST_ENTRIES", 5)
    assert not look([deep.parent]).complete
    monkeypatch.setattr(room, "_MOST_ENTRIES", 1000)
    monkeypatch.setattr(room, "_MOST_MODELS", 2)
    for at in range(4):
        write_model(tmp_path / "many" / f"m{at}", shards=1)
    many = look([tmp_path / "many"])
    assert (len(many.found), many.complete) == (2, False)


def test_a_gguf_file_is_a_candidate_where_the_service_names_one(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    from gguf import GGUFWriter

    path = tmp_path / "store" / "AutoGLM-Phone-9B-Q4_K_M.gguf"
    path.parent.mkdir()
    import numpy

    writer = GGUFWriter(path, "glm4")
    writer.add_tensor("token_embd.weight", numpy.ones((4, 32), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    each = only(look([tmp_path], model="/gone/AutoGLM-Phone-9B-Q4_K_M.gguf", engine="llama.cpp"))
    assert (each.path, each.format, each.problem) == (str(path), "gguf", "")
    assert each.name == "AutoGLM-Phone-9B-Q4_K_M.gguf"


# Names


def test_the_services_own_words_for_its_model_are_collected(tmp_path: Path) -> None:
    found = look(
        [tmp_path],
        model="/models/latest",
        served_model_name="autoglm-phone-9b",
        command=[
            "vllm",
            "serve",
            "--model",
            "/models/AutoGLM-9B",
            "--port",
            "8000",
            "--model-path=/srv/x/GLM",
            "--model",
        ],
        environment={"MODEL_NAME": "zai-org/AutoGLM-Phone-9B", "PATH": "/bin", "HF_MODEL_ID": "x/Other"},
    )
    assert found.names == []
    assert found.also == ["autoglm-phone-9b", "AutoGLM-9B", "GLM", "Other", "AutoGLM-Phone-9B"]


def test_a_dangling_link_gives_the_name_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("/mnt/gone/AutoGLM-Phone-9B")
    assert look([], model=str(tmp_path / "current")).names[-1] == "AutoGLM-Phone-9B"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/models/AutoGLM-Phone-9B", "AutoGLM-Phone-9B"),
        ("/models/AutoGLM-Phone-9B/", "AutoGLM-Phone-9B"),
        ("/data/autoglm/model", "autoglm"),
        ("/data/autoglm/v1.2/checkpoint-500", "autoglm"),
        ("zai-org/AutoGLM-Phone-9B", "AutoGLM-Phone-9B"),
        ("/c/hub/models--zai-org--AutoGLM-Phone-9B/snapshots/" + "a" * 40, "AutoGLM-Phone-9B"),
        ("/c/models--gpt2/snapshots/main", "gpt2"),
        ("/models/latest", ""),
        ("", ""),
    ],
)
def test_a_path_calls_its_model(path: str, name: str) -> None:
    assert called(path) == name


def test_names_are_alike_but_for_case_and_punctuation() -> None:
    assert alike("AutoGLM-Phone-9B", "autoglm_phone_9b")
    assert alike("GLM-4.1V-9B", "GLM-4___1V-9B")
    assert not alike("AutoGLM-Phone-9B", "AutoGLM-Phone-9B-Multilingual")
    assert not alike("", "")
    assert hub_id("models--a--b--c") == "a/b--c"


@pytest.mark.parametrize(
    ("name", "model_type", "may_be"),
    [
        ("AutoGLM-Phone-9B", "glm4v", True),
        ("AutoGLM-Phone-9B", "chatglm", True),
        ("AutoGLM-Phone-9B", "qwen2", False),
        ("AutoGLM-Phone-9B", "", True),
        ("SmolLM2-135M-Instruct", "llama", True),
        ("DeepSeek-R1-Distill-Qwen-7B", "qwen2", True),
        ("my-model", "qwen2", True),
    ],
)
def test_a_name_and_an_architecture_can_belong_to_different_families(name: str, model_type: str, may_be: bool) -> None:
    assert related(name, model_type) is may_be


def test_the_usual_places_are_searched_where_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "USUAL", (str(tmp_path), "~/models"))
    monkeypatch.setenv("HOME", str(tmp_path))
    write_model(tmp_path / "m")
    assert len(look(None).found) == 1
    assert look([]).found == []
