"""The probe of a tokenizer: real libraries, real files, and templates of every usual shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.proof.tokenizer_probe import probe
from tests.agent.facts.tokenizer_files import TEMPLATE, tokenizer_json, write

pytest.importorskip("tokenizers")

NAMES = {"bos_token": "<s>", "eos_token": "</s>"}
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
)
# What a template is, and what it does for one user's turn.
SHAPES: dict[str, tuple[str, str]] = {
    "glm": (TEMPLATE, "opens"),
    "chatml": (
        CHATML + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "opens",
    ),
    "chatml that never opens": (CHATML, "none"),
    "reasoning opened": (
        CHATML + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
        "opens",
    ),
    "llama 3": (
        "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'"
        " + m['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        "opens",
    ),
    "instructions that need no opening": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
        "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}",
        "ready",
    ),
    "parts, and no plain text": (
        "{% for m in messages %}<|{{ m.role }}|>{% for part in m.content %}{% if part.type == 'text' %}"
        "{{ part.text }}{% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
        "opens",
    ),
    "tags of training, loops that break, today": (
        "{% set today = strftime_now('%Y') %}"
        "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}"
        "<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}{{ {'a': '你'} | tojson }}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}",
        "opens",
    ),
    "an assistant that it refuses": (
        "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('user only') }}{% endif %}"
        "{{ m.content }}{% endfor %}",
        "unclear",
    ),
}


def tried(folder: Path, template: str = TEMPLATE, **options: Any) -> dict[str, Any]:
    arguments = {"templates": {"t": template}, "names": NAMES, "longest": 5000, **options}
    said = probe(lambda event: None, str(folder), **arguments)
    json.dumps(said)
    return said


def of_template(folder: Path, template: str) -> dict[str, Any]:
    said: dict[str, Any] = tried(folder, template)["templates"]["t"]
    return said


@pytest.mark.parametrize("name", SHAPES)
def test_a_template_of_that_shape(tmp_path: Path, name: str) -> None:
    template, turn = SHAPES[name]
    said = of_template(write(tmp_path / "m"), template)
    assert (said.get("error", ""), said["turn"]) == ("", turn)
    assert said["tokens"] > 0


def test_what_would_open_the_turn_is_told(tmp_path: Path) -> None:
    said = of_template(write(tmp_path / "m"), CHATML)
    assert said["header"] == "<|im_start|>assistant\n"
    assert said["split"] == ["<|im_end|>", "<|im_start|>"]


@pytest.mark.parametrize(
    ("template", "error", "line"),
    [
        ("{{ nope(", "TemplateSyntaxError", 1),
        ("a\nb\n{% endfor %}", "TemplateSyntaxError", 3),
        ("{{ messages[7].content.x }}", "UndefinedError", 0),
        ("{{ raise_exception('never') }}", "TemplateError: never", 0),
        ("Hi!", "the user's message is not in the prompt", 0),
        ("{{ messages.__class__.__mro__ }}", "SecurityError", 0),
        ("", "the user's message is not in the prompt", 0),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "Range too big", 0),
    ],
)
def test_a_template_that_fails_says_why(tmp_path: Path, template: str, error: str, line: int) -> None:
    said = of_template(write(tmp_path / "m"), template)
    assert error in said["error"]
    assert (said.get("line", 0), "turn" in said) == (line, False)


def test_a_limit_in_the_file_does_not_cut_what_is_tried(tmp_path: Path) -> None:
    trips = {each["name"]: each for each in tried(write(tmp_path / "m"))["round_trips"]}
    assert trips["long"]["length"] == 5000
    assert {each["state"] for each in trips.values()} == {"same"}
    assert trips["empty"]["tokens"] == 0


@pytest.mark.parametrize(
    ("part", "value", "states"),
    [
        ("decoder", None, {"ascii": "lost", "cjk": "lost"}),
        ("normalizer", {"type": "Lowercase"}, {"ascii": "same", "cjk": "same"}),
        ("normalizer", {"type": "Replace", "pattern": {"String": "x"}, "content": ""}, {"cjk": "same"}),
    ],
)
def test_text_that_does_not_come_back(tmp_path: Path, part: str, value: Any, states: dict[str, str]) -> None:
    model = write(tmp_path / "m", tokenizer__json={**tokenizer_json(), part: value})
    told = {each["name"]: each["state"] for each in tried(model)["round_trips"]}
    assert {name: told[name] for name in states} == states


def test_characters_without_a_token_are_no_fault(tmp_path: Path) -> None:
    words = {"[UNK]": 0, **{word: number for number, word in enumerate(["The", "quick", "brown", "fox"], 1)}}
    said = {
        **tokenizer_json(),
        "truncation": None,
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    told = {each["name"]: each["state"] for each in tried(write(tmp_path / "m", tokenizer__json=said))["round_trips"]}
    assert told["cjk"] == "unknown"


def test_what_the_library_cannot_load(tmp_path: Path) -> None:
    said = tried(write(tmp_path / "m", tokenizer__json={**tokenizer_json(), "model": {"type": "Later", "vocab": {}}}))
    assert said["error"]
    assert said["round_trips"] == []
    assert said["templates"]["t"]["turn"] == "opens"


def test_a_library_that_is_not_there_leaves_it_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    said = tried(write(tmp_path / "m"))
    assert said["problem"].startswith("the tokenizer was not tried")
    assert said["error"] == ""
    assert said["templates"]["t"]["turn"] == "opens"
