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

VARIABLES = {
    "weights_search": None,
    "weights_source": "",
    "vram_headroom": 0.01,
    "package_index": "",
    "wheels": "index",
    "prompt": "你好",
    "max_new_tokens": 50,
    "generate_timeout": 600,
    "require_gpu": True,
}


def _play(*extra: str) -> tuple[Play, Variables]:
    (play,) = load_playbook(find_playbook("no-output"), extra=parse_extra_vars(extra)).plays
    return play, play_variables(play, {}, {"service": {}, "inventory_hostname": "gpu01"})


def test_the_shipped_playbook_is_valid_and_lint_has_nothing_to_say() -> None:
    path = find_playbook("no-output")
    assert lint(path) == []
    node = read_yaml(path, [])
    assert node is not None
    jsonschema.Draft202012Validator(schema()).validate(plain(node))


def test_its_steps_go_from_what_runs_to_what_starts_and_wait_for_nothing() -> None:
    play, variables = _play()
    assert check_play(play, variables) == []
    assert [(step.diagnose.name, [fix.name for fix in step.fixes], step.level) for step in play.steps] == [
        ("cuda", ["pin_versions"], 0),
        ("dependencies", ["pin_versions"], 0),
        ("weights", ["remap_path", "fetch_weights"], 0),
        ("tokenizer", ["tokenizer", "fetch_weights"], 0),
        ("generation_config", ["generation_config", "fetch_weights"], 0),
        ("vram", ["lower_batch"], 0),
        ("timeouts", ["set_timeouts"], 0),
        ("service", ["restart"], 0),
    ]
    assert play.steps[-1].act_on == "warning"
    assert bind_play(play, variables).hosts == "all"
    assert bind_play(play, variables).serial == (1, "25%", "100%")


def test_each_of_its_variables_arrives_where_it_is_used() -> None:
    play, variables = _play(
        *("weights_search=/a,/b", "weights_source=/mirror", "require_gpu=no", "prompt=hello there"),
        *("max_new_tokens=9", "vram_headroom=0.05", "package_index=https://mirror/simple", "wheels=controller"),
        "generate_timeout=42",
    )
    bound = {step.diagnose.name: bind_step(step, variables)[0] for step in play.steps}
    options = {name: [{**call.options} for call in each.fixes] for name, each in bound.items()}
    assert bound["weights"].diagnose.options["deep"] is False
    assert options["weights"][0]["search"] == ["/a", "/b"]
    assert {options[name][1]["from_"] for name in ("weights", "tokenizer", "generation_config")} == {"/mirror"}
    assert bound["vram"].diagnose.options["headroom"] == options["vram"][0]["headroom"] == 0.05
    for name in ("cuda", "dependencies"):
        assert (options[name][0]["index"], options[name][0]["wheels"]) == ("https://mirror/simple", "controller")
    proof = bind_verify(play.verify[0], variables)
    assert proof is not None
    assert {name: proof.options[name] for name in ("prompt", "max_new_tokens", "require_gpu", "timeout")} == {
        "prompt": "hello there",
        "max_new_tokens": 9,
        "require_gpu": False,
        "timeout": 42,
    }


def test_its_variables_have_the_documented_defaults() -> None:
    play, variables = _play()
    assert set(play.vars) == set(VARIABLES)
    assert {name: variables.value(name) for name in VARIABLES if name != "weights_search"} == {
        name: value for name, value in VARIABLES.items() if name != "weights_search"
    }


@pytest.mark.parametrize("name", VARIABLES)
def test_each_of_its_variables_has_a_comment_above_it(name: str) -> None:
    lines = find_playbook("no-output").read_text(encoding="utf-8").splitlines()
    number = next(index for index, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
    assert lines[number - 1].strip().startswith("#")
