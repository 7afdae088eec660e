"""Whole models raise no alarm: not the small real one, nor random ones of GLM's architectures."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.generation_config import generation_config
from autoglm_fix.diagnostics.tokenizer import tokenizer
from tests import models


@pytest.mark.slow
@pytest.mark.parametrize(
    "built", [models.tiny_text, models.tiny_vision, models.smollm2], ids=lambda each: each.__name__
)
@pytest.mark.parametrize("engine", ["transformers", "vllm", "sglang"])
def test_a_whole_model_raises_no_alarm(built: Callable[[], Path], engine: str) -> None:
    service = ServiceSpec(model=str(built()), python=sys.executable, engine=engine, endpoint="http://127.0.0.1:1/v1")
    ctx = Context(service=service)
    settings, vocabulary = GenerationSettings.collect(ctx), Vocabulary.collect(ctx)
    found = [
        *tokenizer(Tokenizer.collect(ctx), vocabulary, ModelFiles.collect(ctx), settings),
        *generation_config(settings, vocabulary),
    ]
    assert {each.code for each in found} <= {"generation_config.pad-is-end"}
