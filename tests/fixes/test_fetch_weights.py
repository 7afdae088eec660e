"""fetch_weights: only the bad files, only good copies, and a reason wherever nothing is fetched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes.fetch_file import FetchFile
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.model_files import BadRange, Config, Content, ModelFile, ModelFiles, Place
from autoglm_fix.agent.facts.source import Source
from autoglm_fix.agent.offers.offer import Offer
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics import Finding, generation_config_findings, tokenizer_findings, weights
from autoglm_fix.fixes.fetch_weights import fetch_weights
from tests.file_server import FileServer, serving
from tests.fixes.on_files import declined, errors, fact, make, only, tree, undo
from tests.weight_files import hub_cache, safetensors, write_model

NAME = "AutoGLM-Phone-9B"
HERE = f"/models/{NAME}"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
SHARD = SHARDS[1]
INDEX = "model.safetensors.index.json"
A, B = "a" * 64, "b" * 64


def bad(kind: type[Finding], **more: Any) -> Finding:
    """A finding of that kind about the second shard, filled as far as its fields are there."""
    values = {
        "subject": f"{HERE}/{SHARD}",
        "file": SHARD,
        "host": f"{HERE}/{SHARD}",
        "expected_size": None,
        "sha256": None,
        "size": 10,
        "problem": "its header is not JSON",
        "index": INDEX,
        "absent": 1,
        "absent_names": ["x"],
        "unlisted": 0,
        "unlisted_names": [],
        "tensor": "x",
        "found": "[1]",
        "expected": "[2]",
        "bytes_zero": 1,
        "values": 1,
        **more,
    }
    return kind(**{name: values.get(name, "") for name in kind.__struct_fields__})


def model(*files: ModelFile, **more: Any) -> ModelFiles:
    values: dict[str, Any] = {"config": Config("ok", model_type="glm4v"), "used": SHARDS, "format": "safetensors"}
    return ModelFiles(HERE, "path", Place(HERE, HERE), **{"state": "ok", "files": list(files), **values, **more})


def source(*offers: Offer, **more: Any) -> Source:
    return Source("/mirror", "ok", where="/mirror", offers=list(offers), model_type="glm4v", **more)


def offer(name: str = SHARD, **more: Any) -> Offer:
    return Offer(name, f"/mirror/{name}", **{"size": 1000, **more})


ONE_FILE = [
    weights.ShardMissing,
    weights.DanglingLink,
    weights.ShardTruncated,
    weights.ShardPadded,
    weights.LfsPointer,
    weights.HtmlInstead,
    weights.HeaderBroken,
    weights.GgufBroken,
    weights.ArchiveBroken,
    weights.IndexMissing,
    weights.IndexBroken,
    weights.IndexMismatch,
    weights.IndexIncomplete,
    weights.ShardOfAnotherModel,
    weights.ConfigOfAnotherModel,
    weights.Zeroed,
    weights.NotANumber,
    weights.DigestMismatch,
    weights.ConfigMissing,
    weights.PreprocessorMissing,
    tokenizer_findings.Broken,
    tokenizer_findings.NotLoadable,
    tokenizer_findings.OfAnotherModel,
    tokenizer_findings.RoundTripLost,
    tokenizer_findings.TemplateAbsent,
    tokenizer_findings.TemplateBroken,
    tokenizer_findings.TemplateOfAnotherModel,
    tokenizer_findings.VocabularyExceedsEmbeddings,
    generation_config_findings.BrokenJson,
    generation_config_findings.ConfigBroken,
]


@pytest.mark.parametrize("kind", ONE_FILE)
def test_one_bad_file_is_one_fetch(kind: type[Finding]) -> None:
    change = only(fetch_weights(bad(kind), model(), source(offer(sha256=A), offer("config.json"))))
    assert change == FetchFile(
        f"{HERE}/{SHARD}", f"/mirror/{SHARD}", 1000, A, says="fetch_weights.fetch-by-digest", values={"file": SHARD}
    )


def test_the_bytes_behind_a_link_are_replaced_not_the_link() -> None:
    blob = f"/cache/blobs/{A}"
    finding = bad(weights.ShardTruncated, host=blob, sha256=A)
    change = only(fetch_weights(finding, model(), source(offer())))
    assert isinstance(change, FetchFile)
    assert (change.path, change.sha256) == (blob, A)


CHECKS = [
    ({"sha256": A}, "fetch-by-digest"),
    ({"git_oid": "1" * 40}, "fetch-by-digest"),
    ({}, "fetch-by-header"),
    ({"size": None}, "fetch-by-header"),
]


@pytest.mark.parametrize(("known", "says"), CHECKS)
def test_how_a_weight_file_is_checked_is_said(known: dict[str, Any], says: str) -> None:
    change = only(fetch_weights(bad(weights.ShardMissing), model(), source(offer(**known))))
    assert isinstance(change, FetchFile)
    assert (change.says, change.values) == (f"fetch_weights.{says}", {"file": SHARD})


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (5, "fetch-by-size"),
        (None, "fetch-unverified"),
    ],
)
def test_how_a_small_file_is_checked_is_said(size: int | None, says: str) -> None:
    finding = bad(weights.ConfigMissing, file="config.json", host=f"{HERE}/config.json")
    change = only(fetch_weights(finding, model(), source(offer("config.json", size=size))))
    assert isinstance(change, FetchFile)
    assert (change.says, change.values) == (f"fetch_weights.{says}", {"file": "config.json"})


def test_what_the_server_said_goes_with_the_change() -> None:
    offered = Offer(SHARD, f"https://hub/{SHARD}", 1000, etag='"x"', git_oid="1" * 40)
    change = only(fetch_weights(bad(weights.ShardMissing), model(), source(offered, auth="hf"), limit="50MB/s"))
    assert isinstance(change, FetchFile)
    assert (change.etag, change.auth, change.limit, change.git_oid) == ('"x"', "hf", 50_000_000, "1" * 40)


@pytest.mark.parametrize(
    ("limit", "rate"),
    [
        ("", 0),
        ("0", 0),
        ("50MB/s", 50_000_000),
        ("50 MiB/s", 50 << 20),
        ("1.5G", 1_500_000_000),
        ("800kb", 800_000),
        ("400Mbit/s", 50_000_000),
        ("100mbps", 100_000_000),
        ("fast", None),
        ("-5MB", None),
        ("50MB/min", None),
        ("{{ 7*7 }}", None),
    ],
)
def test_a_limit_is_a_speed(limit: str, rate: int | None) -> None:
    result = only(fetch_weights(bad(weights.ShardMissing), model(), source(offer()), limit=limit))
    if rate is None:
        assert not isinstance(result, FetchFile)
        assert result == declined(fetch_weights(bad(weights.ShardMissing), model(), source(offer()), limit=limit))
    else:
        assert isinstance(result, FetchFile)
        assert result.limit == rate


ZEROS = BadRange("zeros", "model.layers.0.mlp.down_proj.weight", "BF16", [64, 64], 8192, 0, 8192)
MAY_BE_ZERO = dataclasses.replace(ZEROS, tensor="model.layers.0.mlp.down_proj.bias", shape=[64])
OWN = ModelFile(SHARD, f"{HERE}/{SHARD}", 1000, sha256=B, content=Content("safetensors", names="N"))

QWEN = dataclasses.replace(source(offer()), model_type="qwen2")
LACKING = weights.TensorsMissing(subject=HERE, layers=4, found=2)

REFUSALS: list[tuple[str, Finding, ModelFiles, Source]] = [
    ("not-offered", bad(weights.ShardMissing), model(), source(offer("config.json"))),
    ("offer-bad", bad(weights.ShardMissing), model(), source(offer(problem="it is truncated"))),
    ("offer-bad", bad(weights.ShardMissing), model(), source(offer(bad=[MAY_BE_ZERO, ZEROS]))),
    ("digest-differs", bad(weights.LfsPointer, sha256=A), model(), source(offer(sha256=B))),
    ("size-differs", bad(weights.ShardTruncated, expected_size=999), model(), source(offer())),
    ("same-file", bad(weights.DigestMismatch, found=B), model(), source(offer(sha256=B))),
    ("same-file", bad(weights.Zeroed), model(OWN), source(offer(sha256=B))),
    ("same-file", bad(weights.ShardOfAnotherModel), model(OWN), source(offer(names="N"))),
    ("same-file", bad(weights.ShardTruncated), model(), source(Offer(SHARD, f"{HERE}/{SHARD}"))),
    ("same-file", bad(generation_config_findings.BrokenJson), model(), source(offer(same=True))),
    ("no-host-path", bad(weights.ShardTruncated, host=None), model(), source(offer())),
    ("another-model", bad(weights.ShardMissing), model(config=Config("ok", model_type="qwen2")), source(offer())),
    ("another-model", bad(weights.ShardMissing), model(config=Config("missing")), QWEN),
    ("no-weights", weights.FolderEmpty(subject=HERE, host=HERE), model(), source(offer("config.json"))),
    ("nothing-lacking", LACKING, model(OWN), source(offer(), weights=[SHARD])),
    ("dangling", weights.FolderDangling(subject=HERE, host=HERE, link=HERE, target="/mnt/x"), model(), source(offer())),
    ("not-offered", bad(weights.TokenizerMissing, file="tokenizer.json"), model(), source(offer("merges.txt"))),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "finding", "files", "offers"), REFUSALS)
def test_why_a_source_is_not_used(reason: str, finding: Finding, files: ModelFiles, offers: Source) -> None:
    assert declined(fetch_weights(finding, files, offers)).code == f"fetch_weights.{reason}"


@pytest.mark.parametrize("state", ["none", "invalid", "missing", "ambiguous", "unreachable", "refused"])
def test_why_a_source_offers_nothing(state: str) -> None:
    offers = Source("hf:a/b", state, "hf:a/b answered 404 Not Found", "a hint")
    refusal = declined(fetch_weights(bad(weights.ShardMissing), model(), offers))
    assert refusal.code == f"fetch_weights.source-{state}"


def test_zeros_that_may_be_weights_speak_against_nothing() -> None:
    assert isinstance(
        only(fetch_weights(bad(weights.ShardMissing), model(), source(offer(bad=[MAY_BE_ZERO])))), FetchFile
    )


def test_a_config_of_another_model_may_come_from_the_right_one() -> None:
    finding = bad(weights.ConfigOfAnotherModel, file="config.json", host=f"{HERE}/config.json")
    files = model(config=Config("ok", model_type="qwen2"))
    assert isinstance(only(fetch_weights(finding, files, source(offer("config.json")))), FetchFile)


@pytest.mark.parametrize(
    ("theirs", "fetched"),
    [
        ({"names": "N"}, INDEX),
        ({"names": "M"}, SHARD),
        ({"names": "M", "size": 5}, SHARD),
        ({}, INDEX),
        ({"size": 5}, SHARD),
    ],
)
def test_where_index_and_shard_disagree_the_one_that_differs_is_fetched(theirs: dict[str, Any], fetched: str) -> None:
    change = only(fetch_weights(bad(weights.IndexMismatch), model(OWN), source(offer(**theirs), offer(INDEX))))
    assert isinstance(change, FetchFile)
    assert change.path == f"{HERE}/{fetched}"


def test_a_tokenizer_is_fetched_with_what_belongs_to_it() -> None:
    there = ModelFile("tokenizer_config.json", f"{HERE}/tokenizer_config.json", 10)
    names = ["tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "config.json", SHARD]
    finding = bad(weights.TokenizerMissing, file="tokenizer.json", host=f"{HERE}/tokenizer.json")
    changes = list(fetch_weights(finding, model(there), source(*map(offer, names))))
    assert [getattr(each, "path", each) for each in changes] == [
        f"{HERE}/tokenizer.model",
        f"{HERE}/special_tokens_map.json",
    ]


def test_a_template_may_be_of_the_older_kind() -> None:
    template = "chat_template.jinja"
    finding = tokenizer_findings.TemplateAbsent(subject=HERE, file=template, host=f"{HERE}/{template}", other="")
    change = only(fetch_weights(finding, model(), source(offer("chat_template.json"))))
    assert isinstance(change, FetchFile)
    assert change.path == f"{HERE}/chat_template.json"


WHOLE = [*SHARDS, "other.gguf", "pytorch_model.bin", INDEX, "pytorch_model.bin.index.json", "config.json"]


@pytest.mark.parametrize(
    "finding",
    [
        weights.FolderMissing(subject=HERE, host=HERE),
        weights.FolderEmpty(subject=HERE, host=HERE),
        weights.NoWeights(subject=HERE, host=HERE, config=False),
        weights.IncompleteDownload(subject=HERE, host=HERE, parts=["x.incomplete"], bytes_there=1),
    ],
)
def test_a_whole_folder_is_the_weights_of_one_format_and_the_small_files(finding: Finding) -> None:
    there = ModelFile("config.json", f"{HERE}/config.json", 10)
    pointer = ModelFile(SHARD, f"{HERE}/{SHARD}", 130, content=Content("safetensors", "lfs-pointer"))
    changes = list(fetch_weights(finding, model(there, pointer), source(*map(offer, WHOLE), weights=SHARDS)))
    assert [getattr(each, "path", each) for each in changes] == [f"{HERE}/{name}" for name in [*SHARDS, INDEX]]


def test_one_bad_offer_of_many_and_nothing_is_fetched() -> None:
    offers = source(offer(SHARDS[0]), offer(problem="it is truncated"), weights=SHARDS)
    refusal = declined(fetch_weights(weights.FolderEmpty(subject=HERE, host=HERE), model(), offers))
    assert refusal.code == "fetch_weights.offer-bad"


def test_a_model_that_lacks_layers_gets_the_shards_that_differ() -> None:
    files = model(*(ModelFile(name, f"{HERE}/{name}", 1000) for name in SHARDS))
    offers = source(offer(SHARDS[0]), offer(SHARD, size=2000), weights=SHARDS)
    change = only(fetch_weights(weights.TensorsMissing(subject=HERE, layers=4, found=2), files, offers))
    assert isinstance(change, FetchFile)
    assert change.path == f"{HERE}/{SHARD}"


def test_a_missing_gguf_file_is_one_fetch() -> None:
    path = "/models/AutoGLM-Phone-9B-Q4.gguf"
    files = ModelFiles(path, "path", Place(path, path), "missing")
    finding = weights.FolderMissing(subject=path, host=path)
    change = only(fetch_weights(finding, files, source(offer(os.path.basename(path)), offer("config.json"))))
    assert isinstance(change, FetchFile)
    assert change.path == path


def test_a_hubs_cache_is_filled_as_a_snapshot() -> None:
    snapshot = f"/c/hub/models--zai-org--{NAME}/snapshots/main"
    files = ModelFiles(f"zai-org/{NAME}", "hub", Place(snapshot, snapshot), "missing", cached=False)
    finding = weights.NotDownloaded(subject=snapshot, host=snapshot, model=files.model)
    *fetched, reference = fetch_weights(finding, files, source(*map(offer, WHOLE), weights=SHARDS))
    assert isinstance(reference, WriteFile)
    assert reference.path == f"/c/hub/models--zai-org--{NAME}/refs/main"
    assert {os.path.dirname(getattr(each, "path", "")) for each in fetched} == {snapshot}


# On real files


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return write_model(tmp_path / "mirror" / NAME)


@pytest.fixture
def server(mirror: Path) -> Iterator[FileServer]:
    with serving({f"/{file.name}": file.read_bytes() for file in mirror.iterdir()}) as running:
        yield running


def plan(service: ServiceSpec, from_: str, deep: bool = False) -> list[Any]:
    """What is planned for every error that the diagnostic finds."""
    files, offers = fact(service, ModelFiles), fact(service, Source, from_=from_)
    unique = {str(each): each for finding in errors(service, deep) for each in fetch_weights(finding, files, offers)}
    return list(unique.values())


def _zero(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-8192:] = bytes(8192)
    path.write_bytes(bytes(raw))


STRANGE = {"weight_map": {"x": SHARDS[0], "y": SHARD}}
FAULTS: dict[str, Any] = {
    "cut": lambda folder: (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:-100]),
    "padded": lambda folder: (folder / SHARD).write_bytes((folder / SHARD).read_bytes() + bytes(100)),
    "missing": lambda folder: (folder / SHARD).unlink(),
    "page": lambda folder: (folder / SHARD).write_text("<!DOCTYPE html><p>Sign in"),
    "garbage": lambda folder: (folder / SHARD).write_bytes(b"\xff" * 9000),
    "another": lambda folder: (folder / SHARD).write_bytes(
        safetensors({f"model.layers.{at}.mlp.down_proj.weight": [128, 128] for at in (40, 42)})
    ),
    "zeroed": lambda folder: _zero(folder / SHARD),
    "no index": lambda folder: (folder / INDEX).unlink(),
    "bad index": lambda folder: (folder / INDEX).write_text("{"),
    "index of another": lambda folder: (folder / INDEX).write_text(json.dumps(STRANGE)),
    "no config": lambda folder: (folder / "config.json").unlink(),
    "no tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "two at once": lambda folder: [(folder / name).write_bytes(b"") for name in SHARDS],
    "empty": lambda folder: [file.unlink() for file in folder.iterdir()],
    "gone": lambda folder: shutil.rmtree(folder),
}  # fmt: skip


@pytest.mark.parametrize("where", ["folder", "server"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_cured_and_nothing_else_touched_and_undo_brings_it_back(
    tmp_path: Path, state_dir: Path, mirror: Path, server: FileServer, fault: str, where: str
) -> None:
    folder = shutil.copytree(mirror, tmp_path / "models" / NAME)
    service = ServiceSpec(model=str(folder))
    assert errors(service) == []
    whole = tree(folder)
    FAULTS[fault](folder)
    before = tree(tmp_path / "models")
    broken = {path for path in whole if whole[path] != before.get(path)}

    changes = plan(service, str(mirror) if where == "folder" else server.url)
    assert changes
    assert all(isinstance(each, FetchFile) for each in changes), changes
    assert {each.path for each in changes} == broken
    assert [entry for entry in make(state_dir, changes) if not entry["made"]] == []
    assert errors(service) == []
    assert tree(folder) == whole

    undo(state_dir)
    assert tree(tmp_path / "models") == before


def test_a_hubs_cache_keeps_its_shape(tmp_path: Path, state_dir: Path, mirror: Path) -> None:
    snapshot = hub_cache(tmp_path / "home" / "hub", f"zai-org/{NAME}", mirror)
    service = ServiceSpec(model=f"zai-org/{NAME}", environment={"HF_HOME": str(tmp_path / "home")}, working_dir="/")
    whole = tree(tmp_path / "home")
    blob = (snapshot / SHARD).resolve()
    for content in (b"version https://git-lfs.github.com/spec/v1\n", blob.read_bytes()[:500], None):
        blob.unlink()
        if content is not None:
            blob.write_bytes(content)
        (change,) = plan(service, str(mirror))
        assert (change.path, change.sha256) == (str(blob), blob.name)
        make(state_dir, [change])
        assert tree(tmp_path / "home") == whole


def test_a_digest_that_the_cache_recorded_is_not_overruled(tmp_path: Path, state_dir: Path, mirror: Path) -> None:
    snapshot = hub_cache(tmp_path / "home" / "hub", f"zai-org/{NAME}", mirror)
    service = ServiceSpec(model=f"zai-org/{NAME}", environment={"HF_HOME": str(tmp_path / "home")}, working_dir="/")
    blob = (snapshot / SHARD).resolve()
    cut = blob.read_bytes()[:500]
    blob.write_bytes(cut)
    write_model(mirror, seed=9)
    (change,) = plan(service, str(mirror))
    (entry,) = make(state_dir, [change])
    assert "its digest is" in entry["problem"]
    assert blob.read_bytes() == cut
    (mirror / "SHA256SUMS").write_text(f"{hashlib.sha256((mirror / SHARD).read_bytes()).hexdigest()}  {SHARD}\n")
    (refusal,) = plan(service, str(mirror))
    assert refusal.code == "fetch_weights.digest-differs"


def test_a_source_with_the_same_fault_is_declined(tmp_path: Path, mirror: Path) -> None:
    folder = shutil.copytree(mirror, tmp_path / "models" / NAME)
    for place in (folder, mirror):
        (place / SHARD).write_bytes((place / SHARD).read_bytes()[:500])
    (refusal,) = plan(ServiceSpec(model=str(folder)), str(mirror))
    assert (refusal.code, refusal.values["problem"]) == ("fetch_weights.offer-bad", "it is truncated")


def test_a_model_that_was_never_downloaded_is_fetched_into_the_cache(
    tmp_path: Path, state_dir: Path, mirror: Path
) -> None:
    pytest.importorskip("huggingface_hub")
    environment = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    service = ServiceSpec(model=f"zai-org/{NAME}", environment=environment, working_dir=str(tmp_path))
    changes = plan(service, str(mirror.parent))
    assert [entry for entry in make(state_dir, changes) if not entry["made"]] == []
    assert errors(service) == []
    code = f"from huggingface_hub import hf_hub_download; print(hf_hub_download('zai-org/{NAME}', '{SHARD}'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == (mirror / SHARD).read_bytes()
    undo(state_dir)
    assert not (tmp_path / "home").exists()
