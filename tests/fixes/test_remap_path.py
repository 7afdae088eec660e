"""remap_path: the same model elsewhere, by content; what nothing tells apart is left to a person."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes.link import Link
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.candidates import Candidate, Candidates
from autoglm_fix.agent.facts.model_files import BadRange, Config, ModelFiles, Place
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.weights import FolderDangling, FolderEmpty, FolderMissing, NotDownloaded
from autoglm_fix.fixes.remap_path import remap_path
from tests.fixes.on_files import declined, errors, fact, make, only, tree, undo
from tests.weight_files import hub_cache, write_model

NAME = "AutoGLM-Phone-9B"
GONE = f"/models/{NAME}"
MISSING = FolderMissing(subject=GONE, host=GONE)
MODEL = ModelFiles(GONE, "path", Place(GONE, GONE), "missing", user="autoglm")
QWEN = Config("ok", model_type="qwen2")
GLM = Config("ok", model_type="glm4v", architectures=["Glm4vForConditionalGeneration"])


def candidate(path: str, **more: Any) -> Candidate:
    values: dict[str, Any] = {"name": os.path.basename(path), "format": "safetensors", "config": GLM, "identity": "A"}
    return Candidate(path, **{**values, **more})


def found(*candidates: Candidate, names: list[str] | None = None, also: list[str] | None = None) -> Candidates:
    return Candidates(["/data"], True, list(candidates), [NAME] if names is None else names, also or [], [])


def test_the_service_is_pointed_at_the_one_model_of_that_name() -> None:
    others = candidate("/data/Qwen2-7B", identity="Q"), candidate(f"/data/{NAME}-Multilingual", identity="M")
    change = only(remap_path(MISSING, MODEL, found(*others, candidate(f"/data/llm/{NAME}"))))
    assert change == Link(GONE, f"/data/llm/{NAME}", "remap_path.link")


@pytest.mark.parametrize("finding", [MISSING, FolderEmpty(subject=GONE, host=GONE)])
def test_a_missing_and_an_empty_folder_alike(finding: FolderMissing | FolderEmpty) -> None:
    assert isinstance(only(remap_path(finding, MODEL, found(candidate(f"/data/{NAME}")))), Link)


COPIES = [
    ("the whole one", [candidate(f"/a/{NAME}", problem="x is truncated", identity="B"), candidate(f"/data/b/{NAME}")]),
    ("the readable one", [candidate(f"/a/{NAME}", barrier="/a"), candidate(f"/data/b/{NAME}")]),
    ("the shortest path", [candidate(f"/data/b/{NAME}"), candidate(f"/data/cc/{NAME}")]),
    ("the first by name", [candidate(f"/data/c/{NAME}"), candidate(f"/data/b/{NAME}")]),
    ("whatever case", [candidate("/data/b/autoglm_phone_9b", name="autoglm_phone_9b")]),
    ("the right family", [candidate(f"/a/{NAME}", identity="Q", config=QWEN), candidate(f"/data/b/{NAME}")]),
]


@pytest.mark.parametrize(("_", "candidates"), COPIES, ids=[each[0] for each in COPIES])
def test_of_several_is_taken(_: str, candidates: list[Candidate]) -> None:
    change = only(remap_path(MISSING, MODEL, found(*candidates)))
    assert isinstance(change, Link)
    assert change.to.startswith("/data/b/")


def test_that_there_are_copies_is_said() -> None:
    change = only(remap_path(MISSING, MODEL, found(candidate(f"/a/{NAME}"), candidate(f"/b/{NAME}"))))
    assert isinstance(change, Link)
    assert (change.says, change.values) == ("remap_path.link-one-of", {"copies": "2"})


def test_two_that_nothing_tells_apart_are_both_named_and_left() -> None:
    both = candidate(f"/a/{NAME}"), candidate(f"/b/{NAME}", identity="B")
    refusal = declined(remap_path(MISSING, MODEL, found(*both)))
    assert (refusal.code, refusal.values) == ("remap_path.several", {"paths": [f"/a/{NAME}", f"/b/{NAME}"]})


def test_the_commit_in_the_services_path_tells_them_apart() -> None:
    gone = f"/cache/models--zai-org--{NAME}/snapshots/{'b' * 40}"
    model = dataclasses.replace(MODEL, folder=Place(gone, gone))
    both = [candidate(f"/{at}/{at * 40}", name=NAME, revision=at * 40, identity=at) for at in "ab"]
    change = only(remap_path(FolderMissing(subject=gone, host=gone), model, found(*both)))
    assert change == Link(gone, f"/b/{'b' * 40}", "remap_path.link")


def test_what_the_service_calls_it_counts_where_its_path_says_nothing() -> None:
    both = candidate(f"/data/{NAME}"), candidate("/data/Other-9B", identity="B")
    change = only(remap_path(MISSING, MODEL, found(*both, names=[], also=["autoglm-phone-9b"])))
    assert isinstance(change, Link)
    assert change.to == f"/data/{NAME}"


def test_the_paths_name_counts_more_than_the_served_one() -> None:
    both = candidate(f"/data/{NAME}"), candidate("/data/Other-9B", identity="B")
    change = only(remap_path(MISSING, MODEL, found(*both, names=[NAME], also=["Other-9B"])))
    assert isinstance(change, Link)
    assert change.to == f"/data/{NAME}"


ZEROS = BadRange("zeros", "model.layers.0.mlp.down_proj.weight", "BF16", [64, 64], 8192, 0, 8192)

REFUSALS = [
    ("nothing-found", []),
    ("other-models-only", [candidate("/data/Qwen2-7B")]),
    ("other-models-only", [candidate(f"/data/{NAME}", format="gguf")]),
    ("another-architecture", [candidate(f"/data/{NAME}", config=QWEN)]),
    ("not-whole", [candidate(f"/{at}/{NAME}", problem="model.safetensors is truncated") for at in "ab"]),
    ("not-whole", [candidate(f"/data/{NAME}", problem="config.json is broken", config=Config("broken"))]),
    ("not-whole", [candidate(f"/a/{NAME}", bad=[ZEROS]), candidate(f"/b/{NAME}", problem="x is truncated")]),
    ("unreadable", [candidate(f"/data/{NAME}", barrier="/data")]),
]


@pytest.mark.parametrize(("reason", "candidates"), REFUSALS)
def test_why_nothing_is_offered(reason: str, candidates: list[Candidate]) -> None:
    assert declined(remap_path(MISSING, MODEL, found(*candidates))).code == f"remap_path.{reason}"


@pytest.mark.parametrize(
    ("lack", "says"),
    [
        ({"problem": "x is truncated"}, "x is truncated"),
        ({"bad": [ZEROS]}, "zeros in model.layers.0.mlp.down_proj.weight"),
    ],
)
def test_the_only_copy_is_taken_though_it_lacks_something(lack: dict[str, Any], says: str) -> None:
    change = only(
        remap_path(MISSING, MODEL, found(candidate(f"/data/{NAME}", **lack), candidate("/data/Qwen", identity="Q")))
    )
    assert change == Link(GONE, f"/data/{NAME}", "remap_path.link-not-whole", {"problem": says})


def test_a_path_in_an_image_cannot_become_a_link() -> None:
    finding = FolderMissing(subject=GONE, host=None)
    assert declined(remap_path(finding, MODEL, found(candidate("/x")))).code == "remap_path.no-host-path"


@pytest.mark.parametrize(
    ("engine", "gone", "path", "form", "fits"),
    [
        ("llama.cpp", "/m/X-9B.gguf", "/d/X-9B.gguf", "gguf", True),
        ("llama.cpp", "/m/X-9B.gguf", "/d/X-9B", "gguf", False),
        ("llama.cpp", "/m/X-9B", "/d/X-9B", "safetensors", False),
        ("vllm", "/m/X-9B", "/d/X-9B.gguf", "gguf", False),
        ("vllm", "/m/X-9B.gguf", "/d/X-9B.gguf", "gguf", True),
        ("sglang", "/m/X-9B", "/d/X-9B", "torch", True),
    ],
)
def test_only_what_the_engine_can_load_is_taken(engine: str, gone: str, path: str, form: str, fits: bool) -> None:
    model = dataclasses.replace(MODEL, folder=Place(gone, gone), engine=engine)
    there = found(candidate(path, format=form), names=[os.path.basename(gone), "X-9B"])
    result = only(remap_path(FolderMissing(subject=gone, host=gone), model, there))
    assert isinstance(result, Link) is fits


# Links


def dangling(host: str, link: str, target: str) -> tuple[FolderDangling, ModelFiles]:
    finding = FolderDangling(subject=host, host=host, link=link, target=target)
    return finding, dataclasses.replace(MODEL, folder=Place(host, host), state="dangling", link=link, detail=target)


def test_a_dangling_link_is_replaced() -> None:
    finding, model = dangling(GONE, GONE, f"/mnt/old/{NAME}")
    change = only(remap_path(finding, model, found(candidate(f"/data/{NAME}"))))
    assert change == Link(GONE, f"/data/{NAME}", "remap_path.link")


def test_a_dangling_link_above_the_model_is_pointed_at_the_folder_above() -> None:
    finding, model = dangling(GONE, "/models", f"/mnt/old/{NAME}")
    change = only(remap_path(finding, model, found(candidate(f"/data/llm/{NAME}"))))
    assert change == Link("/models", "/data/llm", "remap_path.link-above-model")


def test_a_dangling_link_above_that_fits_nothing_is_left() -> None:
    finding, model = dangling(f"/models/9b/{NAME}", "/models", f"/mnt/old/9b/{NAME}")
    refusal = declined(remap_path(finding, model, found(candidate(f"/data/llm/{NAME}"))))
    assert refusal.code == "remap_path.link-above"


# Hubs


def test_a_hubs_cache_gets_a_snapshot_and_the_reference_to_it() -> None:
    snapshot = f"/c/hub/models--zai-org--{NAME}/snapshots/main"
    model = ModelFiles(f"zai-org/{NAME}", "hub", Place(snapshot, snapshot), "missing", cached=False)
    finding = NotDownloaded(subject=snapshot, host=snapshot, model=model.model)
    link, reference = remap_path(finding, model, found(candidate(f"/data/{NAME}")))
    assert link == Link(snapshot, f"/data/{NAME}", "remap_path.link")
    assert isinstance(reference, WriteFile)
    assert (reference.path, reference.splices) == (
        f"/c/hub/models--zai-org--{NAME}/refs/main",
        [(0, 0, "main")],
    )


@pytest.mark.parametrize(("source", "revision"), [("hub", "a" * 40), ("modelscope", None)])
def test_where_the_reference_is_there_or_not_needed_a_link_is_enough(source: str, revision: str | None) -> None:
    model = ModelFiles(f"zai-org/{NAME}", source, Place("/c/x", "/c/x"), "missing", cached=False, revision=revision)
    finding = NotDownloaded(subject="/c/x", host="/c/x", model=model.model)
    assert isinstance(only(remap_path(finding, model, found(candidate(f"/data/{NAME}")))), Link)


# On real files


def repaired(state_dir: Path, service: ServiceSpec, search: Path) -> None:
    (finding,) = errors(service)
    assert isinstance(finding, FolderMissing | FolderDangling | FolderEmpty | NotDownloaded)
    candidates = fact(service, Candidates, search=[str(search)])
    changes = [
        each
        for each in remap_path(finding, fact(service, ModelFiles), candidates)
        if isinstance(each, Link | WriteFile)
    ]
    assert all(entry["made"] for entry in make(state_dir, list(changes)))
    assert errors(service) == []


@pytest.mark.parametrize("fault", ["moved", "dangling", "above", "empty"])
def test_a_moved_model_is_found_again_and_undo_brings_the_fault_back(
    tmp_path: Path, state_dir: Path, fault: str
) -> None:
    write_model(tmp_path / "data" / NAME)
    shutil.copytree(tmp_path / "data" / NAME, tmp_path / "data" / "copy" / NAME)
    place = tmp_path / "models" / NAME
    if fault == "dangling":
        place.parent.mkdir()
        place.symlink_to(tmp_path / "old" / NAME)
    elif fault == "above":
        place.parent.symlink_to(tmp_path / "old")
    elif fault == "empty":
        place.mkdir(parents=True)
    before = tree(tmp_path)
    repaired(state_dir, ServiceSpec(model=str(place)), tmp_path / "data")
    undo(state_dir)
    assert tree(tmp_path) == before


def test_two_different_models_of_one_name_are_both_named(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_model(tmp_path / "data" / str(seed) / NAME, seed=seed)
    service = ServiceSpec(model=str(tmp_path / NAME))
    (finding,) = errors(service)
    assert isinstance(finding, FolderMissing)
    candidates = fact(service, Candidates, search=[str(tmp_path / "data")])
    refusal = declined(remap_path(finding, fact(service, ModelFiles), candidates))
    assert refusal.values == {"paths": [str(tmp_path / "data" / str(seed) / NAME) for seed in (1, 2)]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["a folder", "another cache"])
def test_the_hubs_own_client_finds_what_was_linked_into_its_cache(tmp_path: Path, state_dir: Path, kind: str) -> None:
    pytest.importorskip("transformers")
    source = write_model(tmp_path / "data" / NAME)
    if kind == "another cache":
        hub_cache(tmp_path / "data", f"zai-org/{NAME}", source)
        shutil.rmtree(source)
    home = tmp_path / "home"
    environment = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    service = ServiceSpec(model=f"zai-org/{NAME}", environment=environment, working_dir=str(tmp_path))
    repaired(state_dir, service, tmp_path / "data")
    code = (
        "from transformers.utils import cached_file; from huggingface_hub import snapshot_download, hf_hub_download;"
        f"m = 'zai-org/{NAME}'; f = 'model-00001-of-00002.safetensors';"
        "print(open(cached_file(m, 'config.json')).read()); hf_hub_download(m, f); snapshot_download(m)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "glm4" in done.stdout
