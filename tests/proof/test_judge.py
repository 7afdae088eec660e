from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.proof import Proof, judge

from .evidence import changed, recorded

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))


def judged(case: dict[str, Any]) -> Proof:
    evidence = case.get("evidence") or changed(recorded(case.get("from", "smollm2")), case.get("change", {}))
    return judge(evidence, service="model", require_gpu=case.get("require_gpu", True))


def by_name(name: str) -> dict[str, Any]:
    return next(case for case in CASES if case["case"] == name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_verdict(case: dict[str, Any]) -> None:
    proof, expected = judged(case), case["is"]
    code = expected.get("code")
    assert proof.status == expected["status"]
    assert proof.code == (code and f"proof.{code}")
    assert proof.symptom == expected.get("symptom", "none")
    assert list(proof.points_to) == expected.get("points_to", [])
    for check in proof.checks:
        wanted = expected.get(check.name, "pass")
        if wanted == "none":
            wanted = ["unproved", "nothing-to-see"]
        elif wanted != "pass" and isinstance(wanted, str):
            wanted = [wanted, code]
        told = [check.status, check.code.removeprefix("proof.")] if check.code else check.status
        assert told == wanted, check.name
    if "seen_by" in expected:
        assert proof.checks[1].evidence["seen_by"] == expected["seen_by"]
    if "text" in expected:
        assert proof.text == expected["text"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_finds_its_values(case: dict[str, Any], language: str) -> None:
    proof, catalogue = judged(case), Catalogue(language)
    for code, values in [(proof.code, proof.values), *((each.code, each.evidence) for each in proof.checks)]:
        if code is not None:
            assert catalogue.part(code, "summary", values)
            catalogue.part(code, "advice", values)
    if "says" in case["is"]:
        assert case["is"]["says"] in catalogue.part(str(proof.code), "summary", proof.values)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_a_proof_is_json(case: dict[str, Any]) -> None:
    json.dumps(msgspec.to_builtins(judged(case)), allow_nan=False)


def test_every_sentence_has_a_case() -> None:
    source = Path(__file__).parents[2] / "autoglm_fix/locale/en/proof.yml"
    codes = {check.code for case in CASES for check in judged(case).checks}
    # A host on hold is not asked, so that there is nothing to judge: tests/engine/test_holding.py.
    assert set(yaml.safe_load(source.read_text("utf-8"))) - codes == {"proof.on-hold"}


def test_a_cpu_that_is_allowed_says_so() -> None:
    gpu = judged(by_name("a generation on the CPU where that is allowed")).checks[1]
    assert gpu.evidence == {"device": "cpu", "allowed_by": "require_gpu: false"}


def test_a_proof_tells_what_was_said_where_and_how_fast() -> None:
    proof = judged(by_name("a generation on a GPU where the driver lists the process"))
    assert (proof.text, proof.tokens, proof.device) == ("The capital of France is Paris.", 8, "cuda:0")
    assert dict(proof.gpu) == {"uuid": "GPU-5a0c", "name": "NVIDIA A100", "capability": "8.0", "driver": "580.95.05"}
    assert proof.first_token_s is not None
    assert proof.tokens_per_s is not None


@pytest.mark.parametrize("said", ["{answer}", "{{ 7 * 7 }}", "\x1b[2J", "%s" * 9, "`rm -rf /`", string.printable])
def test_what_a_model_says_is_text(said: str) -> None:
    evidence = recorded("smollm2")
    evidence["probe"]["main"]["answer"] = said
    proof = judge(evidence, service="model", require_gpu=False)
    assert proof.text == said.strip()
