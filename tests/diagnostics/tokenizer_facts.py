"""Facts about a tokenizer, from the few values that a test is about."""

from __future__ import annotations

import json
from typing import Any

from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.tokenizer import Behaviour, RoundTrip, SettingsFile, Template, Tokenizer
from autoglm_fix.agent.facts.tokenizer_texts import TokenizerTexts
from autoglm_fix.agent.formats import Content, TensorGroup
from autoglm_fix.agent.model.config import Config
from autoglm_fix.agent.model.files import ModelFile
from autoglm_fix.agent.view import Place

from .settings_facts import text_file

_FILES = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "added_tokens.json")
_USED = ("--chat-template", "chat_template.jinja", "tokenizer_config.json")
_VERSIONS = {"tokenizers": "0.23.3", "jinja2": "3.1.6", "transformers": "5.23.0"}


def tokenizer(case: dict[str, Any]) -> Tokenizer:
    """``files`` and ``trips`` (name -> state), ``templates`` (source -> fields), ``chat``, ``behaviour``."""
    states = {"tokenizer_config.json": "ok", **case.get("files", {})}
    templates = case.get("templates", {"chat_template.jinja": {"turn": "opens"}})
    used = next((source for source in _USED if source in templates), None)
    trips = [RoundTrip(name, 10, 5, state) for name, state in case.get("trips", {"ascii": "same"}).items()]
    said = {"problem": "", "versions": _VERSIONS, "round_trips": trips, **case.get("behaviour", {})}
    return Tokenizer(
        "/m",
        case.get("engine", "transformers"),
        [SettingsFile(name, f"/m/{name}", f"/m/{name}", states.get(name, "missing")) for name in _FILES],
        case.get("names", {}),
        case.get("kind", "PreTrainedTokenizerFast"),
        case.get("extra", ""),
        {"tokenizer.json": 1},
        [
            Template(source, f"/m/{source}", f"/m/{source}", source == used, **fields)
            for source, fields in templates.items()
        ],
        case.get("chat", False),
        Behaviour(**said),
    )


def model(case: dict[str, Any]) -> ModelFiles:
    """``rows`` of the weights, ``vision``, ``format``, ``reported`` (name -> state of a file's content)."""
    rows = case.get("rows")
    groups = [TensorGroup("model.embed_tokens.weight", "BF16", [rows, 64])] if rows else []
    files = [ModelFile("model.safetensors", "/m/model.safetensors", 1, content=Content("safetensors", groups=groups))]
    for name, state in case.get("reported", {}).items():
        files.append(ModelFile(name, f"/m/{name}", 1, content=Content("text", state)))
    return ModelFiles(
        "/m",
        "path",
        Place("/m", "/m"),
        "ok",
        files=files,
        format=case.get("format", "safetensors"),
        config=Config("ok", vision=case.get("vision", False)),
    )


def texts(case: dict[str, Any]) -> TokenizerTexts:
    """``texts``: file name -> text, or values for JSON."""
    given = case.get("texts", {})
    names = ["tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "chat_template.jinja"]
    return TokenizerTexts([text_file(name, given.get(name)) for name in dict.fromkeys([*names, *given])])


def as_json(value: Any) -> str:
    """A value as the fixtures' files hold it."""
    return json.dumps(value, indent=2) + "\n"
