"""How long a service may take over its answers: what the playbook gives, and never less than a queue may take."""

from __future__ import annotations

import dataclasses

import pytest

from autoglm_fix.agent.endpoint.chat import Patience
from autoglm_fix.agent.proof import ask as asking
from autoglm_fix.proof import judge_endpoint

from .modes import MODES, Mode, always, sensible
from .server import serving
from .test_endpoint_proof import evidence_of


@pytest.mark.parametrize(
    ("given", "patience"),
    [
        (30.0, Patience(60.0, 10.0, 30.0)),
        (180.0, Patience(60.0, 10.0, 180.0)),
        (600.0, Patience(120.0, 30.0, 600.0)),
        (3600.0, Patience(720.0, 180.0, 3600.0)),
    ],
)
def test_an_answer_may_take_all_the_time_there_is_and_each_wait_in_it_a_share(given: float, patience: Patience) -> None:
    assert asking.patience(given) == patience


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is always waited for is over within an instant: only a share of the time remains."""
    for name, seconds in {"_FIRST_S": 0.02, "_GAP_S": 0.01, "_COLD_GAP_S": 0.01}.items():
        monkeypatch.setattr(asking, name, seconds)


SLOW = dataclasses.replace(MODES["ok"], pause_s=0.03)
REASONS = dataclasses.replace(SLOW, thinks=lambda question: ["hm "] * (4 if "ZX" in question else 30))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", [SLOW, REASONS], ids=["slow", "slow, and reasons first"])
def test_a_slow_server_is_verified_where_it_is_given_the_time(mode: Mode) -> None:
    with serving(mode) as server:
        seen = evidence_of(server.endpoint, timeout_s=60.0)
    proof = judge_endpoint(seen, service="model", require_gpu=False)
    assert (proof.status, proof.code) == ("verified", None)
    assert seen["main"]["seconds"] > 10 * asking._FIRST_S


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_with_little_time_the_same_server_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FIRST_SHARE", "_GAP_SHARE"):
        monkeypatch.setattr(asking, name, 0.9)  # whatever else this machine does, nothing seems to hang
    says = always(*sensible(""), *sensible(""))
    with serving(dataclasses.replace(REASONS, says=says, pause_s=0.3)) as server:
        seen = evidence_of(server.endpoint, timeout_s=4.0)
    proof = judge_endpoint(seen, service="model", require_gpu=False)
    assert (proof.status, proof.code, proof.symptom) == ("failed", "endpoint.too-slow", "slow")


@pytest.mark.parametrize(("given_s", "code"), [(15.0, "endpoint.too-slow"), (300.0, "endpoint.dead-engine")])
def test_an_answer_in_one_piece_that_was_left_little_time_has_not_hung(given_s: float, code: str) -> None:
    with serving(MODES["ok"]) as server:
        seen = evidence_of(server.endpoint)
    late = {"kind": "timeout", "stage": "first", "message": "nothing came in time"}
    unheard = {**seen["plain"], "error": late, "seconds": given_s, "pieces": 0, "content": None, "status": None}
    told = {**seen, "main": {**seen["main"], "seconds": 10.0}, "plain": unheard, "one": None, "bogus": None}
    assert judge_endpoint(told, service="model", require_gpu=False).code == code
