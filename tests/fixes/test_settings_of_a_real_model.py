"""A random model whose settings keep it from loading, from stopping, from being asked: repaired, and asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.facts.tokenizer_texts import TokenizerTexts
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import generation_config as settings_diagnostic
from autoglm_fix.diagnostics import tokenizer as tokenizer_diagnostic
from autoglm_fix.fixes import Declined, generation_config, tokenizer
from tests import models

from .on_files import make

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return models.copy(models.tiny_text(), tmp_path / "model")


def service(model: Path) -> ServiceSpec:
    return ServiceSpec(model=str(model), python=sys.executable, endpoint=None, served_model_name="chat")


def edit(file: Path, **values: Any) -> None:
    said = json.loads(file.read_text())
    said.update(values)
    file.write_text(json.dumps({key: value for key, value in said.items() if value != "gone"}, indent=2))


def looked_at(model: Path) -> tuple[list[Finding], list[Change]]:
    """The errors, and each change that the fixes offer for them once."""
    ctx = Context(service=service(model))
    settings, vocabulary = GenerationSettings.collect(ctx), Vocabulary.collect(ctx)
    facts = (Tokenizer.collect(ctx), vocabulary, ModelFiles.collect(ctx), settings)
    errors = [each for each in tokenizer_diagnostic.tokenizer(*facts) if each.severity == "error"]
    offers = [offer for each in errors for offer in tokenizer.tokenizer(each, *facts, TokenizerTexts.collect(ctx))]
    of_settings = [
        each for each in settings_diagnostic.generation_config(settings, vocabulary) if each.severity == "error"
    ]
    offers += [
        offer for each in of_settings for offer in generation_config.generation_config(each, settings, vocabulary)
    ]
    changes: list[Change] = []
    for offer in offers:
        assert not isinstance(offer, Declined)
        if offer not in changes:
            changes.append(offer)
    return errors + of_settings, changes


def answer(model: Path) -> int:
    """How many tokens transformers generates, up to 400."""
    import torch
    import transformers

    words = transformers.AutoTokenizer.from_pretrained(model)
    asked = words.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model)
    torch.manual_seed(0)
    with torch.no_grad():
        said = loaded.generate(**asked, do_sample=True, max_new_tokens=400)
    return int(said.shape[1] - asked["input_ids"].shape[1])


@pytest.mark.parametrize(
    "values",
    [
        {"max_new_tokens": 0},
        {"eos_token_id": "<|user|>", "num_beams": "2"},
        {"temperature": 0.0, "do_sample": True, "top_p": "0.9"},
        {"suppress_tokens": list(range(640))},
        {"eos_token_id": "gone", "min_new_tokens": 900, "max_new_tokens": 800},
    ],
    ids=["no room", "wrong types", "no sampling", "all suppressed", "no end"],
)
def test_settings_that_yield_nothing(model: Path, state_dir: Path, values: dict[str, Any]) -> None:
    edit(model / "generation_config.json", **values)
    errors, changes = looked_at(model)
    assert errors
    assert [change.path for change in changes] == [str(model / "generation_config.json")]
    make(state_dir, changes)
    assert looked_at(model) == ([], [])
    assert answer(model) > 1


def test_a_template_and_settings_at_once(model: Path, state_dir: Path) -> None:
    template = (model / "chat_template.jinja").read_text()
    cut = template[: template.index("{%- if add_generation_prompt %}")] + "\n"
    (model / "chat_template.jinja").write_text(cut)
    edit(model / "tokenizer_config.json", eos_token="<|im_end|>")
    edit(model / "config.json", pad_token_id=99999)
    _, changes = looked_at(model)
    assert len(changes) == 3
    make(state_dir, changes)
    assert looked_at(model) == ([], [])
    assert answer(model) > 1
