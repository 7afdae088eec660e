"""The verdict over what was seen of a service: evidence in, a proof out."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.proof import Proof, baseline, judge_endpoint
from tests.proof.evidence import changed

from .test_endpoint_proof import BAD, PATIENT

HERE = Path(__file__).parent
RECORDED: dict[str, Any] = yaml.safe_load((HERE / "recorded.yml").read_text("utf-8"))
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "test_judge.yml").read_text("utf-8"))
NOTHING = ("unproved", "proof.nothing-to-see")
# Those that other tests show, with a server that behaves so.
ELSEWHERE = {"image-dropped", "image-misread", "image-refused"}


def judged(case: dict[str, Any]) -> Proof:
    evidence = case.get("evidence") or changed(copy.deepcopy(RECORDED), case.get("change", {}))
    return judge_endpoint(evidence, service="model", require_gpu=case.get("require_gpu", True))


def by_case(case: dict[str, Any]) -> str:
    return str(case["case"])


@pytest.mark.parametrize("case", CASES, ids=by_case)
def test_verdict(case: dict[str, Any]) -> None:
    proof, expected = judged(case), case["is"]
    assert (proof.status, proof.code) == (expected["status"], expected.get("code"))
    assert proof.symptom == expected.get("symptom", "none")
    assert list(proof.points_to) == expected.get("points_to", [])
    assert list(proof.tail) == expected.get("tail", list(proof.tail))
    for check in proof.checks:
        if check.name != "endpoint" and expected.get("nothing"):
            assert (check.status, check.code) == NOTHING
        else:
            assert check.status == expected.get(check.name, "pass"), check.name
    assert proof.text == expected.get("text", proof.text)


@pytest.mark.parametrize("case", CASES, ids=by_case)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_finds_its_values(case: dict[str, Any], language: str) -> None:
    proof, catalogue = judged(case), Catalogue(language)
    for code, values in [(proof.code, proof.values), *((each.code, each.evidence) for each in proof.checks)]:
        if code is not None:
            assert catalogue.part(code, "summary", values)
            catalogue.part(code, "advice", values)
    if "says" in case["is"]:
        assert case["is"]["says"] in catalogue.part(str(proof.code), "summary", proof.values)


@pytest.mark.parametrize("case", CASES, ids=by_case)
def test_a_proof_is_json(case: dict[str, Any]) -> None:
    json.dumps(msgspec.to_builtins(judged(case)), allow_nan=False)


def test_every_sentence_has_a_case() -> None:
    source = HERE.parents[1] / "autoglm_fix/locale/en/endpoint.yml"
    codes = {check.code for case in CASES for check in judged(case).checks}
    codes |= {f"endpoint.{code}" for code in ELSEWHERE | {each[1] for each in [*BAD.values(), *PATIENT.values()]}}
    assert set(yaml.safe_load(source.read_text("utf-8"))) - codes == set()


def test_a_proof_tells_what_was_said_where_and_how_fast() -> None:
    proof = judged(CASES[0])
    assert proof.text.startswith("The capital of France is Paris")
    assert (proof.tokens, proof.device) == (14, "NVIDIA A100")
    assert dict(proof.gpu) == {"uuid": "GPU-5a0c", "name": "NVIDIA A100", "driver": "580.95.05"}
    assert proof.first_token_s is not None


def test_a_cpu_that_is_allowed_says_so() -> None:
    (case,) = (case for case in CASES if case["case"] == "a process that is not ours, where the CPU is allowed")
    gpu = next(each for each in judged(case).checks if each.name == "gpu")
    assert gpu.evidence == {"device": "cpu", "allowed_by": "require_gpu: false"}


@pytest.mark.parametrize(
    ("evidence", "seen"),
    [
        ({"error": "x", "kind": "deadline", "tail": []}, ("hang", False)),
        ({"error": "x", "kind": "unknown", "tail": []}, ("none", False)),
        ({"trouble": {"kind": "address", "stage": "connect", "message": "x"}, "canary": None}, ("refused", False)),
        ({"trouble": None, "canary": None}, ("slow", False)),
        ({"trouble": None, "canary": RECORDED["canary"]}, ("none", True)),
        ({"trouble": None, "canary": {**RECORDED["canary"], "content": ""}}, ("empty", False)),
    ],
)
def test_the_first_look_is_what_a_caller_sees(evidence: dict[str, Any], seen: tuple[str, bool]) -> None:
    assert baseline({"asked": {"nonce": "ZX-1"}, **evidence}) == seen


@pytest.mark.parametrize("said", ["{answer}", "{{ 7 * 7 }}", "\x1b[2J now", "%s and %d", "`rm -rf /`"])
def test_what_a_model_says_is_text(said: str) -> None:
    evidence = changed(copy.deepcopy(RECORDED), {"main.content": said})
    assert judge_endpoint(evidence, service="model", require_gpu=True).text == said
