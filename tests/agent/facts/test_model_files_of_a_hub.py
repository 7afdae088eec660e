"""model_files: a model that is named by its id on a hub."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from autoglm_fix.agent.unknown import CannotTell
from tests import shards
from tests.shards import look


class TestAHubsModel:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        return tmp_path / "home"

    @pytest.fixture
    def places(self, model: Path, home: Path) -> dict[str, Path]:
        return {
            "HF_HUB_CACHE": home / "hub",
            "HF_HOME": home / "hub",
            "XDG_CACHE_HOME": home / "huggingface" / "hub",
            "HOME": home / ".cache" / "huggingface" / "hub",
        }

    @pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"])
    def test_is_found_where_the_variable_says(
        self, model: Path, home: Path, places: dict[str, Path], variable: str
    ) -> None:
        snapshot = shards.hub_cache(places[variable], model)
        value = places[variable] if variable == "HF_HUB_CACHE" else home
        fact = look("org/name", environment={"HOME": "/nonexistent", variable: str(value)})
        assert (fact.source, fact.state, fact.folder.host) == ("hub", "ok", str(snapshot))
        assert fact.revision == snapshot.name

    def test_takes_variables_from_environment_files(self, model: Path, home: Path, tmp_path: Path) -> None:
        shards.hub_cache(home / "hub", model)
        (tmp_path / "env").write_text(f"# where models are\nexport HF_HOME='{home}'\n")
        assert look("org/name", env_files=[str(tmp_path / "env")]).state == "ok"

    def test_names_the_blobs_behind_the_links_with_their_digests(self, model: Path, home: Path) -> None:
        shards.hub_cache(home / "hub", model)
        fact = look("org/name", environment={"HF_HOME": str(home)})
        shard = fact.file(shards.shard_name(1))
        assert shard is not None
        digest = hashlib.sha256((model / shards.shard_name(1)).read_bytes()).hexdigest()
        assert (shard.recorded, shard.host) == (digest, f"{home}/hub/models--org--name/blobs/{digest}")
        assert shard.link == f"../../blobs/{digest}"

    def test_whose_blob_is_gone_is_a_link_to_nothing_with_its_digest_still_known(self, model: Path, home: Path) -> None:
        snapshot = shards.hub_cache(home / "hub", model)
        (snapshot / shards.shard_name(2)).resolve().unlink()
        shard = look("org/name", environment={"HF_HOME": str(home)}).file(shards.shard_name(2))
        assert shard is not None
        assert (shard.size, shard.link is None) == (None, False)
        assert shard.recorded == os.path.basename(shard.host)

    def test_that_was_never_downloaded_says_where_it_would_be(self, home: Path) -> None:
        fact = look("org/name", environment={"HF_HOME": str(home)})
        assert (fact.state, fact.cached) == ("missing", False)
        assert fact.folder.inside.startswith(f"{home}/hub/models--org--name/snapshots/")

    def test_may_have_an_old_id_without_an_owner(self, model: Path, home: Path) -> None:
        snapshot = shards.hub_cache(home / "hub", model, repo="gpt2")
        fact = look("gpt2", environment={"HF_HOME": str(home)})
        assert (fact.source, fact.folder.host) == ("hub", str(snapshot))
        assert look("gpt3", environment={"HF_HOME": str(home)}).source == "path"

    @pytest.mark.parametrize(("engine", "name"), [("ollama", "qwen3:8b"), ("llama.cpp", "org/name:Q4_K_M")])
    def test_that_an_engine_keeps_in_its_own_way_cannot_be_told(self, engine: str, name: str) -> None:
        with pytest.raises(CannotTell, match="in its own way"):
            look(name, engine=engine)

    def test_lists_unfinished_blobs(self, model: Path, home: Path) -> None:
        shards.hub_cache(home / "hub", model)
        part = home / "hub" / "models--org--name" / "blobs" / ("ab" * 32 + ".incomplete")
        part.write_bytes(b"x" * 5000)
        assert list(look("org/name", environment={"HF_HOME": str(home)}).leftovers) == [str(part)]

    def test_is_looked_up_in_modelscopes_cache_where_the_engine_uses_that(self, tmp_path: Path) -> None:
        shards.model(tmp_path / "hub" / "models" / "org" / "name-1___5")
        chosen = {"MODELSCOPE_CACHE": str(tmp_path / "hub"), "VLLM_USE_MODELSCOPE": "True"}
        fact = look("org/name-1.5", engine="vllm", environment=chosen)
        assert (fact.source, fact.state) == ("modelscope", "ok")
        assert look("org/name-1.5", engine="vllm", environment={**chosen, "VLLM_USE_MODELSCOPE": "0"}).cached is False

    def test_in_modelscopes_older_layout(self, tmp_path: Path) -> None:
        folder = shards.model(tmp_path / ".cache" / "modelscope" / "hub" / "org" / "name")
        fact = look("org/name", engine="custom", environment={"HOME": str(tmp_path)})
        assert (fact.source, fact.folder.host) == ("modelscope", str(folder))

    def test_in_a_plain_folder_has_the_digests_that_its_download_noted(self, model: Path) -> None:
        notes = model / ".cache" / "huggingface" / "download"
        notes.mkdir(parents=True)
        (notes / f"{shards.shard_name(1)}.metadata").write_text(f"{'c' * 40}\n{'d' * 64}\n1700000000.0\n")
        (notes / "config.json.metadata").write_text(f"{'c' * 40}\n{'e' * 40}\n1700000000.0\n")
        shard, config = look(model).file(shards.shard_name(1)), look(model).file("config.json")
        assert shard is not None
        assert config is not None
        assert (shard.recorded, config.recorded) == ("d" * 64, None)
