"""tokenizer: one row for each way in which text fails to become this model's tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.diagnostics.tokenizer import tokenizer
from autoglm_fix.diagnostics.tokenizer_templates import newer_settings
from autoglm_fix.json_text import Json

from .settings_facts import settings, vocabulary
from .tokenizer_facts import model
from .tokenizer_facts import tokenizer as tokenizer_fact

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_tokenizer_gives_findings(case: dict[str, Any]) -> None:
    tokens = vocabulary(case["tokens"], **case.get("tokens_are", {}))
    found = list(tokenizer(tokenizer_fact(case), tokens, model(case), settings(case)))
    told = [[each.code.partition(".")[2], each.subject] for each in found]
    assert sorted(told) == sorted(case["findings"])


HOSTILE: list[Json] = [None, True, -1, 10**400, 1.5, "x", "{{ 7*7 }}", [], [None], {}, {"a": {}}]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:10])
def test_no_value_in_config_is_a_bug(value: Json) -> None:
    names = ("eos_token_id", "bos_token_id", "pad_token_id", "image_token_id", "text_config", "vocab_size")
    inner: dict[str, Json] = dict.fromkeys(names, value)
    for config in (inner, {**inner, "text_config": inner}):
        for tokens in ("llama2", "glm-partial", "missing"):
            case = {"config": config, "generation": {}, "rows": 100}
            for each in tokenizer(tokenizer_fact(case), vocabulary(tokens), model(case), settings(case)):
                assert each.code.startswith("tokenizer.")


def test_every_rule_of_versions_has_a_source() -> None:
    assert all(each.source and each.since for each in newer_settings())


def test_a_finding_of_a_file_says_which_for_whoever_fetches_it() -> None:
    case: dict[str, Any] = {"tokens": "broken", "chat": True, "templates": {}}
    found = list(tokenizer(tokenizer_fact(case), vocabulary("broken"), model(case), settings(case)))
    told = [(each.evidence["file"], each.evidence["host"], each.evidence["sha256"]) for each in found]
    assert told == [
        ("tokenizer.json", "/m/tokenizer.json", None),
        ("chat_template.jinja", "/m/chat_template.jinja", None),
    ]
