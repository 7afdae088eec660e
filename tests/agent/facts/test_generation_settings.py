"""generation_settings: the text of the files, and what the service says besides."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.generation_settings import GenerationSettings, asked_for_chats, launched_with
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import CannotTell
from autoglm_fix.agent.view import View

from .tokenizer_files import write


def collected(model: Path | str, **service: Any) -> GenerationSettings:
    return GenerationSettings.collect(Context(service=ServiceSpec(model=str(model), **service)))


def test_text_comes_as_it_is_with_its_digest(tmp_path: Path) -> None:
    raw = '\ufeff{\r\n\t"eos_token_id": 2, // 你好\r\n'.encode()
    model = write(tmp_path / "m", generation_config__json=raw)
    found = collected(model)
    assert found.generation.text.encode() == raw
    assert found.generation.sha256 == hashlib.sha256(raw).hexdigest()
    assert found.generation.host == str(model / "generation_config.json")
    assert found.config.state == "ok"
    assert msgspec.convert(plain(found), GenerationSettings) == found


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (None, "missing"),
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n", "pointer"),
        (b"<!DOCTYPE html><html>Sign in</html>", "page"),
        (b'{"a": "\xff"}', "not-text"),
        (b" " * (1 << 23), "too-large"),
    ],
)
def test_what_is_no_settings_file_is_said_to_be_so(tmp_path: Path, content: bytes | None, state: str) -> None:
    found = collected(write(tmp_path / "m", generation_config__json=content))
    assert found.generation.state == state


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    model = write(tmp_path / "m", generation_config__json=None)
    (model / "generation_config.json").mkdir()
    assert collected(model).generation.state == "not-a-file"


def test_an_edit_replaces_the_link_of_a_hubs_cache_and_not_what_it_leads_to(tmp_path: Path) -> None:
    model = write(tmp_path / "m")
    (tmp_path / "blobs").mkdir()
    os.rename(model / "config.json", tmp_path / "blobs" / "abc")
    (model / "config.json").symlink_to("../blobs/abc")
    found = collected(model)
    assert found.config.text
    assert found.config.host == str(model / "config.json")
    assert found.reads == [str(model / "generation_config.json"), str(model / "config.json")]


def test_a_pending_link_is_looked_through(tmp_path: Path) -> None:
    model = write(tmp_path / "there")
    gone = str(tmp_path / "gone")
    context = Context(service=ServiceSpec(model=gone), view=View(pending={gone: str(model)}))
    found = GenerationSettings.collect(context)
    assert found.generation.inside == f"{gone}/generation_config.json"
    assert found.generation.host == str(model / "generation_config.json")


def test_a_folder_that_is_not_there_cannot_be_told_of(tmp_path: Path) -> None:
    with pytest.raises(CannotTell, match="is not there"):
        collected(tmp_path / "gone")


def test_a_single_weight_file_has_no_settings(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert collected(tmp_path / "m.gguf").generation.state == "missing"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_cannot_be_read_cannot_be_told_of(tmp_path: Path) -> None:
    model = write(tmp_path / "m")
    for folder in (*tmp_path.parents[:-2], tmp_path, model):
        folder.chmod(0o755)
    (model / "config.json").chmod(0)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            collected(model)
        except CannotTell:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_service_without_an_endpoint_is_asked_in_process(tmp_path: Path) -> None:
    model = write(tmp_path / "m")
    assert collected(model, engine="vllm").engine == "transformers"
    assert collected(model, engine="vllm", endpoint="http://127.0.0.1:8000/v1").engine == "vllm"


@pytest.mark.parametrize(
    ("command", "sampling"),
    [
        (["vllm", "serve", "/m"], True),
        (["vllm", "serve", "/m", "--generation-config", "vllm"], False),
        (["vllm", "serve", "/m", "--generation-config=vllm"], False),
        (["vllm", "serve", "/m", "--generation-config", "auto"], True),
        (["vllm", "serve", "/m", "--generation-config"], True),
    ],
)
def test_a_launch_command_may_switch_the_sampling_settings_off(
    tmp_path: Path, command: list[str], sampling: bool
) -> None:
    assert collected(write(tmp_path / "m"), command=command).sampling is sampling


def test_an_option_of_a_launch_command() -> None:
    command = ["serve", "--a", "1", "--b=2", "--c"]
    assert [launched_with(command, name) for name in ("--a", "--b", "--c", "--d")] == ["1", "2", "", None]


@pytest.mark.parametrize(
    ("service", "chat"),
    [
        ({"model": "/m/AutoGLM-Phone-9B"}, True),
        ({"model": "/m/gemma-2-9b-it"}, True),
        ({"model": "/m/Qwen2.5-7B"}, False),
        ({"model": "/m/x", "served_model_name": "Qwen-Instruct"}, True),
        ({"model": "/m/x", "endpoint": "http://127.0.0.1:8000/v1"}, True),
        ({"model": "/italian/x"}, False),
    ],
)
def test_who_is_asked_for_conversations(service: dict[str, str], chat: bool) -> None:
    assert asked_for_chats(msgspec.convert(service, ServiceSpec)) is chat
