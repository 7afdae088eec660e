"""The JSON document, against its schema and to the letter."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from autoglm_fix.authored.problems import Problem
from autoglm_fix.engine.events import HostLost, HostSettled, HostStarted, RunDone
from autoglm_fix.engine.results import HostStatus, Rollback, RunResult
from autoglm_fix.report.document import bad_input_document, result_document
from autoglm_fix.report.json import JsonReport, print_errors
from autoglm_fix.report.jsonl import JsonLines, event_schema
from autoglm_fix.report.schema import result_schema

from . import runs

RUNS: dict[str, RunResult] = {
    "dry-run": runs.result(runs.DRY, dry_run=True),
    "repaired": runs.result(runs.REPAIRED),
    "stuck": runs.result(runs.STUCK),
    "rolled back": runs.result(replace(runs.STUCK, rollback=Rollback("restored"))),
    "lost": runs.result(runs.host("a", HostStatus.UNREACHABLE, error=runs.LOST)),
    "hostile": runs.hostile(),
    "fleet": runs.fleet(),
    "nothing": runs.result(),
}


@pytest.fixture(scope="module")
def valid() -> Draft202012Validator:
    Draft202012Validator.check_schema(result_schema())
    return Draft202012Validator(result_schema())


def printed(run: RunResult) -> Any:
    out = io.StringIO()
    listener = JsonReport(out)
    for event in runs.events(run):
        listener(event)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_one_document_that_its_schema_knows(name: str, valid: Draft202012Validator) -> None:
    valid.validate(printed(RUNS[name]))


def test_the_document_is_as_the_contract_says() -> None:
    document = printed(runs.result(runs.REPAIRED))
    host = document["hosts"]["localhost"]
    step = host["steps"][0]
    assert list(document) == ["schema", "run", "playbook", "dry_run", "exit_code", "duration_s", "counts", "hosts"]
    assert document["schema"] == 1
    assert document["counts"] == {"verified": 1}
    assert list(host) == ["status", "duration_s", "rollback", "services", "steps", "proof", "error", "machine"]
    assert host["services"] == {"autoglm": {"status": "verified", "symptom": "empty", "cause": "sample.shard-missing"}}
    keys = "play name service diagnostic status provisional findings changes items error duration_s declined"
    assert list(step) == keys.split()
    assert step["findings"] == [
        {
            "code": "sample.shard-missing",
            "severity": "error",
            "subject": "/models/x/model-00002-of-00005.safetensors",
            "summary": "model-00002-of-00005.safetensors (60.0 MiB) is not in the model's folder: "
            "/models/x/model-00002-of-00005.safetensors",
            "evidence": {"file": "model-00002-of-00005.safetensors", "size": 62_914_560},
            "advice": "Say where good files are: `autoglm-fix run no-output -e weights_source=DIR`",
        }
    ]
    keys = "kind target risk undo summary diff made problem shared bytes took_s"
    assert list(step["changes"][0]) == keys.split()
    proof = host["proof"][0]
    keys = "play kind service status text tokens device gpu first_token_s tokens_per_s checks symptom reason points_to"
    assert list(proof) == keys.split()
    assert proof["checks"][0] == {"name": "tokens", "status": "pass", "reason": None, "evidence": {"tokens": 8}}


def test_an_error_is_a_message_a_hint_and_a_tail() -> None:
    step = printed(runs.result(runs.STUCK))["hosts"]["localhost"]["steps"][1]
    assert step["error"] == {
        "message": "permission denied reading /models/x",
        "hint": "Look at it by hand: `ls -l 'permission denied reading /models/x'`",
        "tail": [],
        "jump": None,
    }


def test_a_change_that_could_not_be_made_is_the_error_of_its_step() -> None:
    step = replace(runs.WEIGHTS_STEP, changes=(runs.LINK, replace(runs.LINK, problem="read-only filesystem")))
    document = printed(runs.result(runs.host("a", HostStatus.UNFIXED, step)))
    assert document["hosts"]["a"]["steps"][0]["error"] == {
        "message": "read-only filesystem",
        "hint": "",
        "tail": [],
        "jump": None,
    }


def test_sentences_are_english_whatever_the_language_of_the_console() -> None:
    assert "模型" not in json.dumps(printed(runs.result(runs.REPAIRED)), ensure_ascii=False)


def test_numbers_that_json_lacks_become_text(valid: Draft202012Validator) -> None:
    check = runs.Check("tokens", "fail", {"loss": float("nan"), "limits": (1, float("inf")), "kinds": {"b", "a"}})
    document = printed(runs.result(replace(runs.STUCK, proof=((runs.PLAY, replace(runs.NO_PROOF, checks=(check,))),))))
    valid.validate(document)
    evidence = document["hosts"]["localhost"]["proof"][0]["checks"][0]["evidence"]
    assert evidence == {"loss": "nan", "limits": [1, "inf"], "kinds": ["a", "b"]}


def test_bad_input_has_a_document_of_its_own(valid: Draft202012Validator) -> None:
    problem = Problem("playbooks/gpu.yml", 14, 5, "unknown diagnostic 'wieghts'", "Did you mean 'weights'?")
    out = io.StringIO()
    print_errors(out, [problem])
    document = json.loads(out.getvalue())
    valid.validate(document)
    assert document == bad_input_document([problem])
    assert document == {
        "schema": 1,
        "exit_code": 4,
        "errors": [
            {
                "file": "playbooks/gpu.yml",
                "line": 14,
                "column": 5,
                "message": "unknown diagnostic 'wieghts'",
                "hint": "Did you mean 'weights'?",
            }
        ],
    }


def test_the_schema_refuses_what_it_does_not_know(valid: Draft202012Validator) -> None:
    document = result_document(runs.result(runs.REPAIRED))
    assert not valid.is_valid({**document, "more": 1})
    assert not valid.is_valid({**document, "exit_code": 7})


@pytest.mark.parametrize("name", RUNS)
def test_each_event_is_a_line_that_the_schema_knows(name: str) -> None:
    lines = Draft202012Validator(event_schema())
    Draft202012Validator.check_schema(event_schema())
    out = io.StringIO()
    listener = JsonLines(out, lambda: datetime(2026, 11, 22, 11, 0, tzinfo=timezone.utc))
    told = runs.events(RUNS[name])
    for event in told if name != "fleet" else [*told[:30], told[-1]]:
        listener(event)
    for text in out.getvalue().split("\n")[:-1]:
        lines.validate(json.loads(text))
    first, last = out.getvalue().split("\n")[0], out.getvalue().split("\n")[-2]
    assert json.loads(first)["time"] == "2026-11-22T11:00:00.000+00:00"
    assert json.loads(last)["result"] == printed(RUNS[name])


def test_a_host_out_of_reach_names_the_jump_host_and_how_long_it_took() -> None:
    noon = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
    times = iter([noon, noon + timedelta(seconds=2.5), noon + timedelta(seconds=3)])
    out = io.StringIO()
    listener = JsonLines(out, lambda: next(times))
    lost = replace(runs.LOST, behind="gate")
    for event in (HostStarted("a"), HostLost("a", lost), HostSettled("b", HostStatus.UNREACHABLE)):
        listener(event)
    _, one, two = map(json.loads, out.getvalue().splitlines())
    assert (one["error"]["jump"], one["took_s"]) == ("gate", 2.5)
    assert two["took_s"] == 0  # it was never begun
    document = printed(runs.result(runs.host("a", HostStatus.UNREACHABLE, error=lost)))
    assert list(document["hosts"]["a"]["error"]) == ["message", "hint", "tail", "jump"]
    assert document["hosts"]["a"]["error"]["jump"] == "gate"


def test_a_change_says_how_long_it_took() -> None:
    step = replace(runs.WEIGHTS_STEP, changes=(replace(runs.LINK, took_s=1.23456), runs.LINK))
    changes = printed(runs.result(runs.host("a", HostStatus.VERIFIED, step)))["hosts"]["a"]["steps"][0]["changes"]
    assert [change["took_s"] for change in changes] == [1.235, None]


def test_only_the_end_of_a_run_prints_a_document() -> None:
    out = io.StringIO()
    listener = JsonReport(out)
    for event in runs.events(runs.result(runs.STUCK))[:-1]:
        listener(event)
    assert out.getvalue() == ""
    listener(RunDone(runs.result(runs.STUCK)))
    assert out.getvalue().endswith("}\n")
