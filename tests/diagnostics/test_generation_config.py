"""generation_config: one row for each setting that keeps an answer from coming or from ending."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.diagnostics.generation_config import generation_config
from autoglm_fix.diagnostics.generation_rules import rules
from autoglm_fix.diagnostics.generation_stops import Turns
from autoglm_fix.json_text import Json
from autoglm_fix.knowledge import table

from .settings_facts import settings, vocabulary

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_settings_give_findings(case: dict[str, Any]) -> None:
    tokens = vocabulary(case["tokens"], **{name: case[name] for name in ("roles",) if name in case})
    found = list(generation_config(settings(case), tokens))
    assert [[each.code.partition(".")[2], each.evidence.get("setting", "")] for each in found] == case["findings"]
    subjects = [(each.code, each.subject) for each in found]
    assert len(set(subjects)) == len(subjects)


HOSTILE: list[Json] = [None, True, -1, 10**400, 1.5, "x", "{{ 7*7 }}", "", [], [[]], [None], {}, {"a": {}}, ["\ud800"]]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:10])
@pytest.mark.parametrize("engine", ["transformers", "vllm", "sglang", "custom"])
def test_no_value_is_a_bug(value: Json, engine: str) -> None:
    names = [each.name for each in rules().settings] + ["eos_token_id"]
    config: dict[str, Json] = {"text_config": value, "vocab_size": value, "max_position_embeddings": value}
    for config_values in (config, {**dict.fromkeys(names, value), "text_config": dict.fromkeys(names, value)}):
        case = {"generation": dict.fromkeys(names, value), "config": config_values, "engine": engine}
        for tokens in ("llama2", "glm-partial", "missing"):
            for finding in generation_config(settings(case), vocabulary(tokens)):
                assert finding.code.startswith("generation_config.")
            for finding in generation_config(settings({**case, "generation": None}), vocabulary(tokens)):
                assert finding.code.startswith("generation_config.")


def test_every_rule_has_a_source_and_every_engine_in_it_is_one() -> None:
    known = rules()
    for setting in known.settings:
        assert set(setting.accepts) <= set(known.sources)
    assert all(family.source for family in table("turns", Turns).families)


def test_the_same_in_the_file_and_in_the_finding() -> None:
    case = {"generation": {"eos_token_id": [151329], "top_p": 7}, "engine": "vllm"}
    top_p, stop = generation_config(settings(case), vocabulary("glm"))
    assert top_p.subject == "/m/generation_config.json: top_p"
    assert top_p.evidence == {
        "file": "generation_config.json",
        "host": "/m/generation_config.json",
        "setting": "top_p",
        "value": "7",
        "takes": "number > 0, <= 1",
        "engine": "vllm",
    }
    assert stop.evidence["ids"] == [151336, 151338]
    assert stop.evidence["tokens"] == ["<|user|>", "<|observation|>"]
