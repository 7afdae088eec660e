"""The files that ``--config`` names, as a service sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoglm_fix.agent.definition.config_file import config_sources
from autoglm_fix.agent.definition.texts import source
from autoglm_fix.agent.facts.service import Container, Definition, Running
from autoglm_fix.agent.inside import Inside
from autoglm_fix.agent.view import View


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vllm.yml").write_text("port: 1\n")
    (tmp_path / "other.yaml").write_text("port: 2\n")
    return tmp_path


def paths(definition: Definition, running: Running | None = None, view: View | None = None) -> list[str]:
    return [each.file.inside for each in config_sources(view or View(), None, definition, running)]


@pytest.mark.parametrize("words", [["--config", "{}/vllm.yml"], ["--config={}/vllm.yml"], ["--config", "vllm.yml"]])
def test_a_command_names_its_file(folder: Path, words: list[str]) -> None:
    argv = ["vllm", "serve", *(word.format(folder) for word in words), "--config-format", "hf"]
    (found,) = config_sources(View(), None, Definition("systemd", "", argv, working_dir=str(folder)), None)
    assert (found.kind, found.file.host, found.file.text) == ("config", f"{folder}/vllm.yml", "port: 1\n")


def test_a_script_and_the_live_process_name_theirs(folder: Path) -> None:
    (folder / "start").write_text(f'#!/bin/sh\nexec vllm serve /m --config "{folder}/vllm.yml"\n')
    script = source("script", str(folder / "start"))
    running = Running(1, argv=["vllm", "serve", "--config", "other.yaml"], working_dir=str(folder))
    assert paths(Definition("command", "", ["start"], sources=[script])) == [f"{folder}/vllm.yml"]
    assert paths(Definition("command", "", ["start"]), running) == [f"{folder}/other.yaml"]


def test_what_is_not_there_is_left_out(folder: Path) -> None:
    assert paths(Definition("systemd", "", ["vllm", "--config", f"{folder}/none.yml"])) == []
    assert paths(Definition("systemd", "", ["vllm", "--config", "$FILE.yml", "--config-format", "x.yml"])) == []


def test_a_container_s_file_has_the_path_of_the_host(folder: Path) -> None:
    record: dict[str, object] = {"Path": "vllm", "Args": ["serve", "--config", "/cfg/vllm.yml"]}
    defined = Definition("compose", "", container=Container("1", "vllm", "image", record=record))
    view = View(container=Inside("vllm", {"/cfg": str(folder)}, 0, {}))
    (found,) = config_sources(view, None, defined, None)
    assert (found.file.inside, found.file.host) == ("/cfg/vllm.yml", f"{folder}/vllm.yml")
    assert found.file.text == "port: 1\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="looks as another user")
def test_one_that_the_service_s_user_may_not_read_is_unreadable(folder: Path) -> None:
    os.chmod(folder / "vllm.yml", 0o600)
    defined = Definition("systemd", "", ["vllm", "--config", f"{folder}/vllm.yml"], user="nobody")
    (found,) = config_sources(View(), "nobody", defined, None)
    assert (found.file.state, found.file.text) == ("unreadable", "")
