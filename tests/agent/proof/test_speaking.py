from __future__ import annotations

from typing import Any

import pytest

from autoglm_fix.agent.proof.opened import Opened
from autoglm_fix.agent.proof.speaking import Speaker, closed_in, open_in
from tests import models

torch = pytest.importorskip("torch", reason="this Python has no torch: install the extra `verify`")
transformers = pytest.importorskip("transformers", reason="this Python has no transformers")


@pytest.fixture(scope="module")
def thinker() -> Opened:
    folder = str(models.tiny_reasoning())
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return Opened(torch, transformers, folder, False, model, transformers.AutoTokenizer.from_pretrained(folder))


def speak(opened: Opened, limit: int, **settings: Any) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    own = opened.model.generation_config
    changed = transformers.GenerationConfig(**{**own.to_diff_dict(), **settings}) if settings else None
    spoken = Speaker(opened, told.append).speak(opened.chat("你好"), limit, "generating", changed)
    assert opened.model.generation_config is own
    assert all(each["event"] == "progress" for each in told)
    return spoken


def test_reasoning_does_not_count_towards_the_tokens_asked_for(thinker: Opened) -> None:
    spoken = speak(thinker, 4)
    assert spoken["reasoning"] == "closed"
    assert spoken["tokens"] > 40
    assert spoken["ended"] == "length"
    assert spoken["answer"].startswith("<answer>你好")
    assert "quick brown fox" not in spoken["answer"]


def test_an_answer_ends_where_the_model_ends_it(thinker: Opened) -> None:
    spoken = speak(thinker, 50)
    assert spoken["ended"] == "eos"
    assert spoken["answer"] == "<answer>你好！很高兴见到你。</answer>"
    assert spoken["raw"].endswith("<|user|>")


def test_a_reply_that_ends_inside_its_reasoning_has_no_answer(thinker: Opened) -> None:
    spoken = speak(thinker, 50, max_new_tokens=20)
    assert (spoken["reasoning"], spoken["answer"]) == ("open", "")
    assert (spoken["limit"], spoken["limited_by"], spoken["tokens"]) == (20, "max_new_tokens", 20)


def test_a_word_that_ends_the_reply_is_no_answer(thinker: Opened) -> None:
    first = thinker.tokenizer.convert_tokens_to_ids("<think>")
    spoken = speak(thinker, 50, eos_token_id=[first])
    assert (spoken["ids"], spoken["answer"], spoken["ended"]) == ([first], "", "eos")


def test_a_length_that_the_prompt_has_used_up_leaves_nothing(thinker: Opened) -> None:
    spoken = speak(thinker, 50, max_length=3)
    assert (spoken["tokens"], spoken["limit"], spoken["limited_by"]) == (0, 0, "max_length")
    assert spoken["first_token_s"] is None


def test_logits_that_are_no_numbers_are_counted(thinker: Opened) -> None:
    weight = thinker.model.get_output_embeddings().weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[0, 0] = float("nan")
    try:
        assert speak(thinker, 5, max_new_tokens=3)["bad_steps"] == 3
    finally:
        with torch.no_grad():
            weight.copy_(kept)


@pytest.mark.parametrize(
    ("text", "opened", "closed"),
    [
        ("Hello", False, False),
        ("<think>Hm", True, False),
        ("<think>Hm</think>Hello", False, True),
        ("[THINK]Hm", True, False),
        ("Hm</think>Hello", False, True),
        ("<think>a</think>b<think>c", True, True),
        ("<|channel|>analysis<|message|>Hm", True, False),
        ("<|channel|>analysis<|message|>Hm<|channel|>final<|message|>Hello", False, True),
    ],
)
def test_reasoning_is_known_by_its_marks(text: str, opened: bool, closed: bool) -> None:
    assert (open_in(text), closed_in(text)) == (opened, closed)
