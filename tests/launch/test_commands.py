"""Commands: which server they start, with which options."""

from __future__ import annotations

import shlex
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.launch import read
from autoglm_fix.launch.command import understand
from autoglm_fix.launch.tables import engines, words
from tests.launch.services import service

COMMANDS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "commands.yml").read_text("utf-8"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_understood(name: str) -> None:
    case = COMMANDS[name]
    launch = read(service("none", running=shlex.split(case["command"])))
    assert launch is not None
    assert launch.engine == case["engine"]
    assert launch.options == case["options"]
    assert launch.model == case.get("model")
    assert launch.served_model_name == case.get("served")
    assert launch.environment == case.get("environment", {})
    assert launch.user == case.get("user")
    assert launch.shell == case.get("shell", False)
    assert launch.working_dir == case.get("folder")


HALF = ["", "vllm", "env", "docker run", "sh -c", "python", "-x", "taskset", "conda run", "vllm bench"]


@pytest.mark.parametrize("half", HALF)
def test_what_is_no_whole_command_starts_nothing_that_is_known(half: str) -> None:
    assert understand(half.split()).engine == "custom"


def test_no_option_is_listed_twice() -> None:
    written = yaml.safe_load(resources.files("autoglm_fix.knowledge").joinpath("launch_options.yml").read_text("utf-8"))
    for name, rows in written.items():
        # What was a flag in one version may be a switch in another, and the later reading is the wider one.
        listed = [option for kind in ("value", "values", "maybe", "flag") for option in rows.get(kind, [])]
        assert len(listed) == len(set(listed)), name
        assert not set(rows.get("value", [])) & set(rows.get("switch", [])), name


def test_every_alias_is_of_an_option_that_is_known() -> None:
    for name, engine in engines().items():
        unknown = {option for option in engine.names.values() if engine.kind(option) is None}
        assert unknown == set(), name


def test_a_wrapper_that_is_listed_lets_its_command_through() -> None:
    for name, wrapper in words().wrappers.items():
        sub = [wrapper.sub] if wrapper.sub else []
        argv = [name, *sub, *(["x"] * wrapper.words), "vllm", "serve", "/m"]
        assert understand(argv).model == "/m", name
