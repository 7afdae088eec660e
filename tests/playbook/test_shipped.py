"""The shipped playbook, with the diagnostics and fixes that are really there."""

from __future__ import annotations

import jsonschema
import pytest

from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.yaml_source import plain, read_yaml
from autoglm_fix.playbook import (
    Play,
    bind_play,
    bind_step,
    bind_verify,
    check_play,
    find_playbook,
    load_playbook,
    parse_extra_vars,
    play_variables,
)
from autoglm_fix.playbook.lint import lint
from autoglm_fix.playbook.schema import schema


def _play(*extra: str) -> tuple[Play, Variables]:
    (play,) = load_playbook(find_playbook("no-output"), extra=parse_extra_vars(extra)).plays
    return play, play_variables(play, {}, {"service": {}, "inventory_hostname": "gpu01"})


def test_the_shipped_playbook_is_valid_and_lint_has_nothing_to_say() -> None:
    path = find_playbook("no-output")
    assert lint(path) == []
    node = read_yaml(path, [])
    assert node is not None
    jsonschema.Draft202012Validator(schema()).validate(plain(node))


def test_its_steps_go_from_files_to_settings_and_wait_for_nothing() -> None:
    play, variables = _play()
    assert check_play(play, variables) == []
    assert [(step.diagnose.name, [fix.name for fix in step.fixes], step.level) for step in play.steps] == [
        ("weights", ["remap_path", "fetch_weights"], 0),
        ("tokenizer", ["tokenizer", "fetch_weights"], 0),
        ("generation_config", ["generation_config", "fetch_weights"], 0),
    ]
    assert bind_play(play, variables).hosts == "all"


def test_each_of_its_variables_arrives_where_it_is_used() -> None:
    play, variables = _play(
        "weights_search=/a,/b", "weights_source=/mirror", "require_gpu=no", "prompt=hello there", "max_new_tokens=9"
    )
    (weights,) = bind_step(play.steps[0], variables)
    assert weights.diagnose.options["deep"] is False
    assert weights.fixes[0].options["search"] == ["/a", "/b"]
    assert {call.options["from_"] for step in play.steps for call in bind_step(step, variables)[0].fixes[1:]} == {
        "/mirror"
    }
    bound = bind_verify(play.verify[0], variables)
    assert bound is not None
    assert {name: bound.options[name] for name in ("prompt", "max_new_tokens", "require_gpu")} == {
        "prompt": "hello there",
        "max_new_tokens": 9,
        "require_gpu": False,
    }


def test_its_variables_have_the_documented_defaults() -> None:
    play, variables = _play()
    assert set(play.vars) == {"weights_search", "weights_source", "prompt", "max_new_tokens", "require_gpu"}
    assert [variables.value(name) for name in ("weights_source", "prompt", "max_new_tokens", "require_gpu")] == [
        "",
        "你好",
        50,
        True,
    ]


@pytest.mark.parametrize("name", ["weights_search", "weights_source", "prompt", "max_new_tokens", "require_gpu"])
def test_each_of_its_variables_has_a_comment_above_it(name: str) -> None:
    lines = find_playbook("no-output").read_text(encoding="utf-8").splitlines()
    number = next(index for index, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
    assert lines[number - 1].strip().startswith("#")
