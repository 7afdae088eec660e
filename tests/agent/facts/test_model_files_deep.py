"""model_files: every byte read, nothing written, large models, and the oldest Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from tests import shards
from tests.pythons import python_3_8
from tests.shards import look

ROOT = Path(__file__).parents[3]


def states(fact: ModelFiles) -> dict[str, str]:
    return {name: each.content.state for name in fact.used if (each := fact.file(name)) and each.content}


class TestADeepLook:
    def test_reports_progress_and_says_that_it_was_deep(self, model: Path) -> None:
        events: list[dict[str, Any]] = []
        spec = ServiceSpec(model=str(model))
        fact = ModelFiles.collect(Context(service=spec, emit=events.append), deep=True)
        assert fact.deep
        assert events[-1]["done"] == events[-1]["total"] == fact.total_size

    def test_reads_in_several_processes_what_is_large(self, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        rows = 68 << 10
        shards.safetensors(folder / "model.safetensors", {"a.weight": [rows, 512], "b.weight": [rows, 512]})
        begin, end = shards.span(folder / "model.safetensors", "b.weight")
        shards.overwrite(folder / "model.safetensors", end - 3000, b"\xc0\x7f")
        shards.overwrite(folder / "model.safetensors", begin + (64 << 20) - 100_000, bytes(200_000))
        file = look(folder, deep=True).file("model.safetensors")
        assert file is not None
        assert file.content is not None
        zeros, nan = file.content.bad
        assert (zeros.kind, zeros.tensor, zeros.start, zeros.length) == (
            "zeros",
            "b.weight",
            pytest.approx((64 << 20) - 100_000, abs=2),
            pytest.approx(200_000, abs=4),
        )
        assert (nan.kind, nan.tensor, nan.start, nan.count) == ("nan", "b.weight", end - begin - 3000, 1)

    def test_computes_digests_only_where_one_is_recorded(self, model: Path, tmp_path: Path) -> None:
        shards.hub_cache(tmp_path / "hub", model)
        fact = look("org/name", deep=True, environment={"HF_HUB_CACHE": str(tmp_path / "hub")})
        assert all(each.sha256 == each.recorded for each in fact.files if each.sha256)
        assert {each.name for each in fact.files if each.sha256} == set(fact.used)
        assert not any(each.sha256 for each in look(model, deep=True).files)

    def test_finds_what_a_wrong_digest_hides(self, model: Path, tmp_path: Path) -> None:
        snapshot = shards.hub_cache(tmp_path / "hub", model)
        name = shards.shard_name(2)
        begin, _ = shards.span(model / name, "model.layers.0.mlp.up_proj.weight")
        shards.overwrite((snapshot / name).resolve(), begin + 10, b"\xff\xff")
        shard = look("org/name", deep=True, environment={"HF_HUB_CACHE": str(tmp_path / "hub")}).file(name)
        assert shard is not None
        assert shard.content is not None
        assert shard.sha256 != shard.recorded
        assert [each.kind for each in shard.content.bad] == ["nan"]


def snapshot_of(folder: Path) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path)] = (seen.st_mode, seen.st_uid, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, content)
    return found


@pytest.mark.parametrize("deep", [False, True])
def test_looking_writes_nothing(model: Path, tmp_path: Path, deep: bool) -> None:
    shards.hub_cache(tmp_path / "hub", model)
    before = snapshot_of(tmp_path)
    look("org/name", deep=deep, environment={"HF_HUB_CACHE": str(tmp_path / "hub")})
    look(model, deep=deep)
    assert snapshot_of(tmp_path) == before


def test_a_sparse_model_of_20_gb_is_judged_by_its_headers(tmp_path: Path) -> None:
    tensors = {f"model.layers.{layer}.mlp.up_proj.weight": [27392, 4096] for layer in range(90)}
    header = shards.header_of(shards.laid_out(tensors))
    with (tmp_path / "model.safetensors").open("wb") as out:
        out.write(header)
        out.truncate(len(header) + 90 * 27392 * 4096 * 2)
    fact = look(tmp_path)
    assert fact.total_size > 20e9
    assert states(fact) == {"model.safetensors": "whole"}
    file = fact.file("model.safetensors")
    assert file is not None
    assert file.content is not None
    assert {each.kind for each in file.content.bad} == {"zeros"}


LOOK_ON_ITS_OWN = """
import json, sys
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
fact = ModelFiles.collect(Context(service=ServiceSpec(model=sys.argv[1])), deep=True)
print(json.dumps(plain(fact)))
"""


def test_the_oldest_python_sees_the_same(model: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(model)
    run = [python_3_8(), "-c", LOOK_ON_ITS_OWN, str(model)]
    said = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert msgspec.convert(json.loads(said.stdout), ModelFiles) == look(model, deep=True)


@pytest.fixture
def damage() -> Callable[[Path], None]:
    """Puts damage of several kinds into a model."""

    def into(model: Path) -> None:
        first = model / shards.shard_name(1)
        first.write_bytes(first.read_bytes()[:-100])
        begin, _ = shards.span(model / shards.shard_name(2), "model.layers.1.mlp.up_proj.weight")
        shards.overwrite(model / shards.shard_name(2), begin + 1000, bytes(70_000))
        shards.overwrite(model / shards.shard_name(3), (model / shards.shard_name(3)).stat().st_size - 20, b"\xc0\x7f")

    return into
