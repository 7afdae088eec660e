"""generation_config: the settings are corrected, and the rest of their file stays as it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.changes.write_file import WriteFile, splice
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.generation_config import generation_config as diagnose
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.generation_config import generation_config as repair
from tests.diagnostics.settings_facts import settings, text_file, vocabulary

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


def facts_of(case: dict[str, Any]) -> GenerationSettings:
    name = case.get("file", "generation_config.json").partition(".")[0].replace("generation_config", "generation")
    return settings({"generation": case.get("generation"), "config": {}, name: case["before"]})


def acted_on(case: dict[str, Any], facts: GenerationSettings) -> list[Finding]:
    severity = case.get("severity", "error")
    return [each for each in diagnose(facts, vocabulary(case["tokens"])) if each.severity == severity]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_findings_give_one_change(case: dict[str, Any]) -> None:
    facts, tokens = facts_of(case), vocabulary(case["tokens"])
    found = acted_on(case, facts)
    assert found
    offers = [list(repair(each, facts, tokens, **case.get("options", {}))) for each in found]
    (offer,) = offers[0]
    # Each finding of the file asks for the same change, which the engine makes once.
    assert all(each == [offer] for each in offers)
    if "declined" in case:
        assert isinstance(offer, Declined)
        assert offer.code == case["declined"]
        return
    assert isinstance(offer, WriteFile)
    old = case["before"].encode()
    assert splice(old, offer.splices).decode() == case["after"]
    assert offer.path == "/m/" + case.get("file", "generation_config.json")
    assert offer.before == hashlib.sha256(old).hexdigest()
    assert offer.after == hashlib.sha256(case["after"].encode()).hexdigest()


@pytest.mark.parametrize("case", [case for case in CASES if "after" in case], ids=lambda case: str(case["case"]))
def test_what_was_acted_on_is_gone_afterwards(case: dict[str, Any]) -> None:
    before = facts_of(case)
    after = facts_of({**case, "before": case["after"]})
    tokens = vocabulary(case["tokens"])
    gone = {(each.code, each.subject) for each in acted_on(case, before)}
    left = {(each.code, each.subject) for each in diagnose(after, tokens)}
    assert not gone & left
    assert not [each for each in diagnose(after, tokens) if each.severity == "error"]
    assert acted_on({**case, "severity": "error"}, after) == []


def test_the_change_is_data_that_survives_the_wire() -> None:
    facts = settings({"generation": {"eos_token_id": 2, "max_new_tokens": 0}})
    finding, *_ = diagnose(facts, vocabulary("llama2"))
    (change,) = repair(finding, facts, vocabulary("llama2"))
    assert isinstance(change, WriteFile)
    assert json.loads(json.dumps(change.splices)) == [list(each) for each in change.splices]
    assert (change.says, change.values) == ("generation_config.correct", {"file": "generation_config.json"})


@pytest.mark.parametrize("state", ["empty", "not-text", "too-large", "not-a-file"])
def test_what_is_no_text_is_fetched_rather_than_guessed(state: str) -> None:
    facts = replace(
        settings({"generation": {"eos_token_id": 2}}), generation=text_file("generation_config.json", {"state": state})
    )
    (finding,) = diagnose(facts, vocabulary("llama2"))
    (offer,) = repair(finding, facts, vocabulary("llama2"))
    assert isinstance(offer, Declined)
