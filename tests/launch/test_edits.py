"""Definitions before and after an edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import Edit
from tests.launch.services import applied, edit, service, source, texts

EDITS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "edits.yml").read_text("utf-8"))


def kind_of(path: str) -> str:
    ends = {".service": "unit", ".yml": "compose", ".sh": "script"}
    if "/supervisor/" in path:
        return "program"
    if path.endswith(".conf"):
        return "drop-in"
    return next((kind for end, kind in ends.items() if path.endswith(end)), "env-file")


def of(case: dict[str, Any]) -> Service:
    files = [source(kind_of(path), path, text) for path, text in case["before"].items()]
    return service(case["manager"], *files, name="autoglm.service" if case["manager"] == "systemd" else "vllm")


@pytest.mark.parametrize("name", EDITS)
def test_a_definition_is_edited_where_it_surprises_least(name: str) -> None:
    case = EDITS[name]
    wanted = Edit(case.get("options", {}), case.get("environment", {}), case.get("limits", {}))
    before = of(case)
    changes = edit(before, wanted)
    assert {change.path for change in changes} == set(case["after"])
    after = applied(before, changes)
    assert texts(after) == {**case["before"], **case["after"]}
    assert edit(after, wanted) == []


@pytest.mark.parametrize("name", EDITS)
def test_a_change_names_what_it_does_and_takes_effect_at_the_next_start(name: str) -> None:
    case = EDITS[name]
    for change in edit(of(case), Edit(case.get("options", {}), case.get("environment", {}))):
        assert change.says == "lower_batch.options" and change.values == {"service": "autoglm"}
        assert change.risk == "restart"
