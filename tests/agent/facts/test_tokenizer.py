"""tokenizer: its settings and templates as files, tried in a real Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.facts.tokenizer_texts import TokenizerTexts
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect import Agent
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine.bound import Patience
from autoglm_fix.engine.gather import Facts, Want
from tests.pythons import python_3_8

from .tokenizer_files import TEMPLATE, write


def collected(model: Path, **service: Any) -> Tokenizer:
    found = Tokenizer.collect(Context(service=ServiceSpec(model=str(model), **service)), longest=5000)
    assert msgspec.convert(plain(found), Tokenizer) == found
    return found


def test_a_whole_tokenizer_is_tried(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    found = collected(write(tmp_path / "m"), python=sys.executable)
    assert (found.behaviour.problem, found.behaviour.error) == ("", "")
    assert {each.name: each.state for each in found.behaviour.round_trips} == dict.fromkeys(
        ("ascii", "cjk", "emoji", "control", "empty", "long"), "same"
    )
    assert found.template is not None
    assert (found.template.source, found.template.turn, found.template.split) == ("chat_template.jinja", "opens", [])
    assert found.template.end == "[gMASK]<sop><|user|>\nHello<|assistant|>\n"
    assert found.names == {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}


@pytest.mark.parametrize(
    ("python", "problem"),
    [(None, "names no python"), ("/gone/bin/python", "is not there"), ("/bin/false", "no Python that can be used")],
)
def test_what_cannot_be_tried_is_still_read(tmp_path: Path, python: str | None, problem: str) -> None:
    found = collected(write(tmp_path / "m"), python=python)
    assert problem in found.behaviour.problem
    assert found.behaviour.round_trips == []
    assert [(each.source, each.turn, each.used) for each in found.templates] == [("chat_template.jinja", "", True)]


def test_templates_by_where_they_stand(tmp_path: Path) -> None:
    model = write(
        tmp_path / "m",
        tokenizer_config__json={
            "chat_template": [{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}]
        },
        chat_template__json={"chat_template": "p"},
    )
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates" / "rag.jinja").write_text("r")
    given = tmp_path / "given.jinja"
    given.write_text("g")
    sources = [
        "chat_template.jinja",
        "additional_chat_templates/rag.jinja",
        "tokenizer_config.json",
        "chat_template.json",
    ]
    assert [each.source for each in collected(model).templates] == sources
    found = collected(model, command=["vllm", "serve", str(model), "--chat-template", str(given)])
    assert [each.source for each in found.templates] == ["--chat-template", *sources]
    assert [(each.source, each.host) for each in found.templates if each.used] == [("--chat-template", str(given))]
    (model / "chat_template.jinja").unlink()
    assert [each.source for each in collected(model).templates if each.used] == ["tokenizer_config.json"]


def test_settings_say_where_they_are_broken(tmp_path: Path) -> None:
    model = write(tmp_path / "m", tokenizer_config__json='{\n"eos_token": \n}', special_tokens_map__json="[1]")
    states = {each.name: (each.state, each.line) for each in collected(model).settings}
    assert states == {
        "tokenizer_config.json": ("broken", 3),
        "special_tokens_map.json": ("broken", 0),
        "chat_template.json": ("missing", 0),
        "added_tokens.json": ("missing", 0),
    }


def test_what_newer_libraries_write_is_told(tmp_path: Path) -> None:
    settings = {"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["a"]}
    found = collected(write(tmp_path / "m", tokenizer_config__json=settings))
    assert (found.kind, found.extra) == ("TokenizersBackend", "list")


def test_nothing_to_try(tmp_path: Path) -> None:
    files: dict[str, Any] = {"tokenizer__json": None, "tokenizer_config__json": None, "chat_template__jinja": None}
    found = collected(write(tmp_path / "m", **files), python=sys.executable)
    assert found.behaviour.problem == "there is no tokenizer to try"
    assert (found.others, found.templates) == ({}, [])


def test_texts_for_whoever_edits_them(tmp_path: Path) -> None:
    model = write(tmp_path / "m")
    found = TokenizerTexts.collect(Context(service=ServiceSpec(model=str(model))))
    file = found.file("chat_template.jinja")
    assert file is not None
    assert file.text == TEMPLATE
    assert found.reads[0] == str(model / "tokenizer_config.json")
    assert found.file("gone") is None


@pytest.mark.parametrize("agent_python", ["this", "3.8"])
def test_an_agent_from_memory_brings_the_probe_along(tmp_path: Path, agent_python: str) -> None:
    pytest.importorskip("tokenizers")
    service = ServiceSpec(model=str(write(tmp_path / "m")), python=sys.executable)
    agent = Agent(LocalChannel(argv(sys.executable if agent_python == "this" else python_3_8())))
    try:
        facts = Facts(agent, service, lambda fact, event: None)
        kinds = (Tokenizer, Vocabulary, GenerationSettings, TokenizerTexts)
        wanted = [Want.of(kind, {}, {}, Patience(60.0)) for kind in kinds]
        known = facts.gather(wanted)
    finally:
        agent.close()
    told, vocabulary, settings, texts = (known[want] for want in wanted)
    assert told.template.turn == "opens"
    assert told.behaviour.round_trips[-1].length == 100_000
    assert (vocabulary.state, settings.config.state, texts.files[0].state) == ("ok", "ok", "ok")
