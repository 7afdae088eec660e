"""The proof on a host on hold: a service is asked over its endpoint, and nothing is loaded on a reserved GPU."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import ChannelClosed
from autoglm_fix.engine.proving import prove
from autoglm_fix.engine.script import Ask
from autoglm_fix.engine.session import Session
from autoglm_fix.locale import LANGUAGES, Catalogue

from .fakes import FakeHost
from .plays import Play

ASK = Ask("Hi", max_new_tokens=1, require_gpu=True, timeout_s=1.0)


class Held(FakeHost):
    def reply(self, message: Mapping[str, Any]) -> Any:
        answer = super().reply(message)
        return {"hold": "Ann measures until Friday"} if message["verb"] == "standing" else answer


def session_with(host: FakeHost) -> Session:
    return Session("gpu01", host.connect, "", threading.Event(), lambda _event: None)


def test_a_model_is_not_loaded_in_process_on_a_host_on_hold() -> None:
    host = Held()
    proof = prove(session_with(host), Play(ServiceSpec(model="/models/glm"), ()), ASK)
    assert proof is not None
    assert (proof.status, proof.code) == ("unproved", "proof.on-hold")
    assert host.began == ["standing"]
    for language in LANGUAGES:
        assert "Ann measures until Friday" in Catalogue(language).text("proof.on-hold", **proof.values)


@pytest.mark.parametrize(
    ("host", "endpoint", "asked"),
    [(Held(dies_at="ask"), "http://gpu01/v1", "ask"), (FakeHost(dies_at="prove"), "", "prove")],
)
def test_a_service_with_an_endpoint_and_a_host_that_is_free_are_asked(
    host: FakeHost, endpoint: str, asked: str
) -> None:
    service = ServiceSpec(model="/models/glm", endpoint=endpoint or None)
    with pytest.raises(ChannelClosed):
        prove(session_with(host), Play(service, ()), ASK)
    assert host.began[-1] == asked
