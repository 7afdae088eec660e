"""model_files: where the model is, what an engine would load of it, and whether its files are whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import CannotTell
from autoglm_fix.agent.view import Place
from tests import shards
from tests.shards import look


def states(fact: ModelFiles) -> dict[str, str]:
    return {name: each.content.state for name in fact.used if (each := fact.file(name)) and each.content}


class TestAHealthyModel:
    def test_is_whole_in_every_file(self, model: Path) -> None:
        fact = look(model)
        assert (fact.state, fact.format, fact.formats) == ("ok", "safetensors", ["safetensors"])
        assert fact.used == [shards.shard_name(number) for number in (1, 2, 3)]
        assert set(states(fact).values()) == {"whole"}
        assert fact.total_size == sum(path.stat().st_size for path in model.glob("*.safetensors"))

    def test_says_what_the_index_config_and_template_say(self, model: Path) -> None:
        fact = look(model)
        assert fact.index is not None
        assert fact.index.shards == {shards.shard_name(1): 1, shards.shard_name(2): 6, shards.shard_name(3): 7}
        assert fact.index.disagreements == []
        assert (fact.config.hidden_size, fact.config.layers, fact.config.tied) == (shards.HIDDEN, shards.LAYERS, True)
        assert fact.template == "tokenizer_config.json"

    def test_groups_tensors_whose_names_differ_in_numbers(self, model: Path) -> None:
        second = look(model).file(shards.shard_name(2))
        assert second is not None
        assert second.content is not None
        groups = {group.name: (group.shape, group.count, group.last) for group in second.content.groups}
        assert groups["model.layers.#.mlp.up_proj.weight"] == ([shards.ROWS, shards.HIDDEN], 2, 1)

    @pytest.mark.parametrize("deep", [False, True])
    def test_holds_no_bad_bytes(self, model: Path, deep: bool) -> None:
        assert [each.content.bad for each in look(model, deep=deep).files if each.content and each.content.bad] == []

    @pytest.mark.parametrize("deep", [False, True])
    def test_survives_the_wire(self, model: Path, deep: bool) -> None:
        fact = look(model, deep=deep)
        assert msgspec.convert(json.loads(json.dumps(plain(fact))), ModelFiles) == fact

    def test_is_the_same_under_two_names(self, model: Path, tmp_path: Path) -> None:
        other = shards.model(tmp_path / "other")
        shards.overwrite(other / shards.shard_name(1), (other / shards.shard_name(1)).stat().st_size - 2, b"\x11\x3c")
        first, second = (look(folder).file(shards.shard_name(1)) for folder in (model, other))
        assert first is not None
        assert second is not None
        assert first.content is not None
        assert second.content is not None
        assert first.content.names == second.content.names != ""

    def test_says_what_it_rests_on(self, model: Path) -> None:
        assert {str(model), str(model / "config.json"), str(model / shards.shard_name(2))} <= set(look(model).reads)


class TestTheFolder:
    def test_may_be_relative_to_the_working_folder(self, model: Path) -> None:
        fact = look("model", working_dir=str(model.parent))
        assert fact.folder == Place(str(model), str(model))
        assert fact.state == "ok"

    def test_that_is_missing(self, tmp_path: Path) -> None:
        assert look(tmp_path / "nowhere").state == "missing"

    def test_that_is_a_link_to_nothing_names_link_and_target(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("gone/model")
        fact = look(tmp_path / "link")
        assert (fact.state, fact.link) == ("dangling", str(tmp_path / "link"))
        assert fact.detail == str(tmp_path / "gone" / "model")

    def test_behind_a_folder_that_is_a_link_to_nothing_names_that_link(self, tmp_path: Path) -> None:
        (tmp_path / "models").symlink_to("/nonexistent/disk")
        fact = look(tmp_path / "models" / "glm")
        assert (fact.state, fact.link) == ("dangling", str(tmp_path / "models"))

    def test_that_is_missing_behind_a_good_link_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "models").symlink_to("disk")
        assert look(tmp_path / "models" / "glm").state == "missing"

    def test_that_is_a_circle_of_links_leads_to_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        assert look(tmp_path / "a").state == "dangling"

    def test_behind_links_is_read_where_it_is(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "current").symlink_to(model)
        file = look(tmp_path / "current").file("config.json")
        assert file is not None
        assert file.host == str(model / "config.json")

    def test_that_a_plan_would_link_is_seen_already(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "current").symlink_to(tmp_path / "moved")
        fact = look(tmp_path / "current", pending={str(tmp_path / "moved"): str(model)})
        assert fact.state == "ok"
        assert set(states(fact).values()) == {"whole"}

    def test_that_is_a_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "model").write_text("no model")
        assert (look(tmp_path / "model").state, look(tmp_path / "model").detail) == ("not-a-folder", "a file")

    def test_that_is_a_socket_or_pipe_is_not_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "model")
        assert look(tmp_path / "model").state == "not-a-folder"

    def test_with_a_pipe_for_a_shard_does_not_wait_for_it(self, model: Path) -> None:
        (model / shards.shard_name(2)).unlink()
        os.mkfifo(model / shards.shard_name(2))
        assert states(look(model))[shards.shard_name(2)] == "broken"

    def test_may_be_a_single_weight_file(self, model: Path) -> None:
        fact = look(model / shards.shard_name(1))
        assert (fact.state, fact.format) == ("file", "safetensors")
        assert [each.size is None for each in fact.files] == [False, False, False]

    def test_that_is_empty(self, tmp_path: Path) -> None:
        assert (look(tmp_path).state, look(tmp_path).entries, look(tmp_path).used) == ("ok", 0, [])

    def test_of_no_service_cannot_be_told(self) -> None:
        with pytest.raises(CannotTell, match="names no model"):
            ModelFiles.collect(Context(service=ServiceSpec(endpoint="http://127.0.0.1:8000/v1")))


class TestChoosingWhatTheEngineLoads:
    def touch(self, folder: Path, *names: str) -> Path:
        folder.mkdir()
        for name in names:
            (folder / name).touch()
        return folder

    @pytest.mark.parametrize(
        ("names", "engine", "used"),
        [
            (["model.safetensors", "model-00001-of-00002.safetensors"], "transformers", ["model.safetensors"]),
            (["model.safetensors", "pytorch_model.bin"], "transformers", ["model.safetensors"]),
            (["pytorch_model.bin", "training_args.bin"], "transformers", ["pytorch_model.bin"]),
            (["consolidated.00.pth", "tokenizer.model"], "transformers", ["consolidated.00.pth"]),
            (["a-q4.gguf", "mmproj-a.gguf"], "llama.cpp", ["a-q4.gguf"]),
            (["a-q4.gguf", "model.safetensors"], "llama.cpp", ["a-q4.gguf"]),
            (["a-q4.gguf", "model.safetensors"], "vllm", ["model.safetensors"]),
            (
                ["model-00003-of-00003.safetensors"],
                "transformers",
                [f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3)],
            ),
            (
                ["m-00001-of-00002.gguf"],
                "llama.cpp",
                ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"],
            ),
            (
                [
                    *(f"model-0000{number}-of-00002.safetensors" for number in (1, 2)),
                    "model-00003-of-00003.safetensors",
                ],
                "transformers",
                ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
            ),
            (["README.md", "training_args.bin", "optimizer.pt"], "transformers", []),
        ],
    )
    def test_goes_by_names(self, tmp_path: Path, names: list[str], engine: str, used: list[str]) -> None:
        assert look(self.touch(tmp_path / "m", *names), engine=engine).used == used

    def test_goes_by_the_index_where_there_is_one(self, model: Path) -> None:
        shards.safetensors(model / "model-00009-of-00009.safetensors", {"x": [2]})
        assert look(model).used == [shards.shard_name(number) for number in (1, 2, 3)]
