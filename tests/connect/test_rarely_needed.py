"""Modules that are imported inside functions travel only when a request turns out to need them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.connect import Agent, AgentError, Request
from autoglm_fix.connect.bundle import boot_frame
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Credentials, Route
from tests.agent.formats.test_gguf import build

GGUF = "autoglm_fix.agent.formats.gguf"


def looking_at(model: Path) -> Request:
    module = ModelFiles.__module__
    arguments = {"module": module, "fact": "ModelFiles", "options": {}}
    return Request("collect", arguments, service={"model": str(model), "engine": "llama.cpp"}, modules=(module,))


def test_a_rare_format_is_not_sent_ahead() -> None:
    assert GGUF not in boot_frame([ModelFiles.__module__])[1]


def test_a_request_that_needs_it_gets_it_and_answers(tmp_path: Path) -> None:
    model = build(tmp_path / "model.gguf")
    agent = Agent(Connections().open("here", Route(python=sys.executable), Credentials()))
    try:
        first, second = agent.ask_all([looking_at(model)] * 2)
    finally:
        agent.close()
    assert first["files"][0]["content"]["format"] == "gguf"
    assert first == second


def test_a_module_that_there_is_not_is_a_bug_and_no_loop() -> None:
    agent = Agent(Connections().open("here", Route(python=sys.executable), Credentials()))
    try:
        reply = agent.ask(Request("collect", {"module": "autoglm_fix.agent.no_such", "fact": "X", "options": {}}))
    finally:
        agent.close()
    assert isinstance(reply, AgentError)
    assert reply.kind == "crash"


@pytest.mark.parametrize("module", ["autoglm_fix.agent.loop", "autoglm_fix.agent.memory", "autoglm_fix.agent.collect"])
def test_what_every_request_needs_is_sent_ahead(module: str) -> None:
    assert module in boot_frame(())[1]
