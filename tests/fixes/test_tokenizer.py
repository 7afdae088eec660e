"""tokenizer: settings and templates are repaired from what the model's own files tell."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.changes.write_file import WriteFile, splice
from autoglm_fix.diagnostics.tokenizer import tokenizer as diagnose
from autoglm_fix.fixes import Declined
from autoglm_fix.fixes.tokenizer import tokenizer as repair
from tests.diagnostics import tokenizer_facts
from tests.diagnostics.settings_facts import settings, vocabulary

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))


def written(case: dict[str, Any]) -> dict[str, str]:
    """The texts of the files that may change, by name."""
    files = {file.name: file.text for file in tokenizer_facts.texts(case).files if file.state == "ok"}
    return {**files, "config.json": tokenizer_facts.as_json(case.get("config", {}))}


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_findings_give_one_change(case: dict[str, Any]) -> None:
    tokens = vocabulary(case["tokens"], **case.get("tokens_are", {}))
    facts = (tokenizer_facts.tokenizer(case), tokens, tokenizer_facts.model(case), settings(case))
    texts = tokenizer_facts.texts(case)
    severity = case.get("severity", "error")
    found = [each for each in diagnose(*facts) if each.severity == severity]
    assert found
    offers = [list(repair(each, *facts, texts)) for each in found]
    (offer,) = offers[0]
    assert all(each == [offer] for each in offers)
    if "declined" in case:
        assert isinstance(offer, Declined)
        assert offer.code == case["declined"]
        return
    assert isinstance(offer, WriteFile)
    old = written(case).get(case["file"])
    assert splice((old or "").encode(), offer.splices).decode() == case["after"]
    assert offer.path == f"/m/{case['file']}"
    assert offer.before == (None if old is None else hashlib.sha256(old.encode()).hexdigest())
    assert offer.after == hashlib.sha256(case["after"].encode()).hexdigest()
