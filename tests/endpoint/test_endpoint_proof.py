"""A service that is asked over its endpoint: what each kind of server proves, and what a caller sees of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.proof.ask import ask
from autoglm_fix.agent.proof.baseline import baseline as ask_once
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.proof import Check, Proof, baseline, judge_endpoint

from .modes import MODEL, MODES, PARIS
from .server import FakeServer, serving

FRANCE = "What is the capital of France?"


def evidence_of(
    endpoint: str, *, key: str | None = None, heard: Callable[[dict[str, Any]], None] | None = None, **more: Any
) -> dict[str, Any]:
    """What the agent sees of it; ``more`` are keys of the service or arguments of the question."""
    service: dict[str, Any] = {"endpoint": endpoint, "engine": "vllm", "served_model_name": MODEL}
    asked: dict[str, Any] = {"prompt": FRANCE, "max_new_tokens": 32, "timeout_s": 60.0, "start_timeout_s": 0.0}
    service.update({name: value for name, value in more.items() if name not in asked})
    asked.update({name: value for name, value in more.items() if name in asked})
    ctx = Context(service=msgspec.convert(service, ServiceSpec), emit=heard or (lambda _event: None))
    return ask(ctx, None, **asked, key=key)


def proof_of(server: FakeServer, *, require_gpu: bool = False, **more: Any) -> Proof:
    seen = evidence_of(server.endpoint, **more)
    json.dumps(seen, allow_nan=False)
    return judge_endpoint(seen, service="model", require_gpu=require_gpu)


def check(of: Proof, name: str) -> Check:
    return next(each for each in of.checks if each.name == name)


def first_look(endpoint: str, key: str | None = None) -> tuple[str, bool]:
    service = ServiceSpec(endpoint=endpoint, served_model_name=MODEL)
    return baseline(ask_once(Context(service=service), key=key))


GOOD = ["ok", "no counters", "no done", "strict", "no list of models", "thinks apart", "thinks inline"]

# mode: the verdict, the code, the symptom; what the first look of a caller gives: symptom, and whether it answers well.
BAD: dict[str, tuple[str, str, str, str, bool]] = {
    "empty": ("failed", "empty", "empty", "empty", False),
    "null": ("failed", "empty", "empty", "empty", False),
    "bang": ("failed", "repeats", "garbage", "garbage", False),
    "loop": ("failed", "repeats", "garbage", "garbage", False),
    "broken bytes": ("failed", "unreadable", "garbage", "garbage", False),
    "reasoning only": ("failed", "reasoning-only", "empty", "empty", False),
    "tool calls": ("failed", "lost-in-tools", "empty", "empty", False),
    "canned": ("failed", "canned", "garbage", "none", True),
    "forgetful": ("unproved", "no-nonce", "none", "none", True),
    "html": ("failed", "html", "refused", "refused", False),
    "bad gateway": ("failed", "html", "refused", "refused", False),
    "other program": ("failed", "not-openai", "refused", "refused", False),
    "wrong model": ("failed", "wrong-model", "none", "none", True),
    "echoes the name": ("unproved", "not-listed", "none", "none", True),
    "any model": ("unproved", "any-model", "none", "none", True),
    "other models": ("failed", "no-such-model", "refused", "refused", False),
    "engine died": ("failed", "dead-engine", "crashed", "crashed", False),
    "out of memory": ("failed", "server-error", "crashed", "crashed", False),
    "still counters": ("unproved", "counters-still", "none", "none", True),
    "corrupts": ("failed", "not-finite", "garbage", "none", True),
    "key": ("unproved", "unauthorized", "refused", "refused", False),
    "no chat": ("failed", "no-api", "refused", "refused", False),
    "busy": ("failed", "busy", "refused", "refused", False),
    "rejects": ("failed", "rejected", "refused", "refused", False),
    "closes at once": ("failed", "closed", "lost", "lost", False),
    "closes between": ("failed", "cut-off", "cut", "none", True),
    "fails between": ("failed", "stream-error", "crashed", "none", True),
    "ends without a word": ("failed", "cut-off", "cut", "cut", False),
    "not streamed": ("failed", "not-streamed", "empty", "none", True),
    "only streamed": ("failed", "lost-unstreamed", "empty", "none", True),
    "only unstreamed": ("failed", "lost-streamed", "empty", "none", True),
    "ignores limits": ("unproved", "limit-ignored", "none", "none", True),
    "salad": ("failed", "weights-ignorant", "garbage", "none", True),
    "through nginx": ("unproved", "proxy", "none", "none", True),
    "cut": ("unproved", "cut", "cut", "none", True),
}
# Those that take their time, and how much they are given.
PATIENT: dict[str, tuple[str, str, str, float]] = {
    "stall before": ("failed", "no-first-token", "hang", 1.0),
    "stall between": ("failed", "stalled", "hang", 3.0),
    "dead engine": ("failed", "dead-engine", "hang", 1.0),
    "slow": ("failed", "too-slow", "slow", 3.0),
    "loading": ("failed", "not-ready", "hang", 1.0),
}


@pytest.mark.parametrize("mode", GOOD)
def test_a_server_that_answers_is_verified(mode: str) -> None:
    with serving(MODES[mode]) as server:
        proof = proof_of(server)
        seen = first_look(server.endpoint)
    assert (proof.status, proof.code, proof.symptom) == ("verified", None, "none")
    assert proof.text == PARIS
    assert proof.tokens >= len(PARIS.split())
    assert [each.name for each in proof.checks] == ["endpoint", "tokens", "gpu", "weights"]
    assert seen == ("none", True)


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=pytest.mark.slow) if mode == "still counters" else mode for mode in BAD]
)
def test_a_server_that_only_looks_alive_is_never_verified(mode: str) -> None:
    status, code, symptom, seen, answers = BAD[mode]
    with serving(MODES[mode]) as server:
        proof = proof_of(server)
        looked = first_look(server.endpoint)
    assert (proof.status, proof.code, proof.symptom) == (status, f"endpoint.{code}", symptom)
    assert looked == (seen, answers)
    for language in LANGUAGES:
        assert Catalogue(language).part(f"endpoint.{code}", "summary", proof.values)
        Catalogue(language).part(f"endpoint.{code}", "advice", proof.values)


@pytest.mark.slow
@pytest.mark.parametrize("mode", PATIENT)
def test_a_server_that_hangs_is_told_from_one_that_is_slow(mode: str) -> None:
    status, code, symptom, given_s = PATIENT[mode]
    with serving(MODES[mode]) as server:
        proof = proof_of(server, timeout_s=given_s)
    assert (proof.status, proof.code, proof.symptom) == (status, f"endpoint.{code}", symptom)
    assert "timeouts" in proof.points_to or code == "dead-engine"
    assert {each.status for each in proof.checks if each.name != "endpoint"} == {"unproved"}


def test_a_port_that_nobody_holds_is_refused() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        proof = judge_endpoint(evidence_of(endpoint), service="model", require_gpu=False)
        seen = first_look(endpoint)
    assert (proof.status, proof.code, proof.symptom) == ("failed", "endpoint.refused", "refused")
    assert seen == ("refused", False)


def test_the_key_opens_the_door_and_is_in_nothing_that_comes_back() -> None:
    with serving(MODES["key"]) as server:
        right = evidence_of(server.endpoint, key="sk-right-0123456789")
        wrong = evidence_of(server.endpoint, key="sk-wrong-0123456789")
        assert first_look(server.endpoint, "sk-right-0123456789") == ("none", True)
    assert judge_endpoint(right, service="model", require_gpu=False).status == "verified"
    refused = judge_endpoint(wrong, service="model", require_gpu=False)
    assert (refused.status, refused.code) == ("unproved", "endpoint.unauthorized")
    for seen in (right, wrong):
        assert "sk-" not in json.dumps(seen)
    assert server.keys[-1] == "Bearer sk-right-0123456789"


def test_what_was_asked_is_streamed_and_not_with_room_to_answer() -> None:
    with serving(MODES["ok"]) as server:
        proof_of(server)
    canary, main, plain, one, bogus = (body for body in server.asked if isinstance(body["messages"][0]["content"], str))
    assert [each["stream"] for each in (canary, main, plain, one, bogus)] == [True, True, False, False, False]
    assert (canary["temperature"], plain["temperature"], "temperature" in main) == (0, 0, False)
    assert (one["max_tokens"], bogus["model"] != MODEL) == (1, True)
