"""Facts about a model's settings and tokens, from the few values that a test is about."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.facts.vocabulary import Token, Vocabulary

# id, text, added, special: as the published tokenizers number them.
TOKENS: dict[str, list[tuple[int, str, bool, bool]]] = {
    "glm": [
        (198, "Ċ", False, False),
        (13, ".", False, False),
        (151329, "<|endoftext|>", True, True),
        (151331, "[gMASK]", True, True),
        (151333, "<sop>", True, True),
        (151335, "<|system|>", True, True),
        (151336, "<|user|>", True, True),
        (151337, "<|assistant|>", True, True),
        (151338, "<|observation|>", True, True),
        (151339, "<|begin_of_image|>", True, True),
        (151343, "<|image|>", True, True),
        (151344, "<|video|>", True, True),
        (151345, "<think>", True, False),
        (151346, "</think>", True, False),
        (151347, "<answer>", True, False),
        (151348, "</answer>", True, False),
    ],
    "qwen": [
        (198, "Ċ", False, False),
        (151643, "<|endoftext|>", True, True),
        (151644, "<|im_start|>", True, True),
        (151645, "<|im_end|>", True, True),
        (151655, "<|image_pad|>", True, True),
        (151656, "<|video_pad|>", True, True),
        (151657, "<tool_call>", True, False),
    ],
    "llama3": [
        (128000, "<|begin_of_text|>", True, True),
        (128001, "<|end_of_text|>", True, True),
        (128006, "<|start_header_id|>", True, True),
        (128007, "<|end_header_id|>", True, True),
        (128008, "<|eom_id|>", True, True),
        (128009, "<|eot_id|>", True, True),
    ],
    "llama2": [
        (0, "<unk>", True, True),
        (1, "<s>", True, True),
        (2, "</s>", True, True),
        (13, "<0x0A>", False, False),
        (29889, ".", False, False),
    ],
    "gemma": [
        (0, "<pad>", True, True),
        (1, "<eos>", True, True),
        (2, "<bos>", True, True),
        (106, "<start_of_turn>", True, True),
        (107, "<end_of_turn>", True, True),
    ],
    "gpt2": [(50256, "<|endoftext|>", True, True)],
    "tiny": [(0, "a", False, False), (1, "b", False, False), (2, "c", False, False), (3, "</s>", True, True)],
    "smollm2": [(0, "<|endoftext|>", True, True), (1, "<|im_start|>", True, True), (2, "<|im_end|>", True, True)],
}
# Highest id, and the ids by role.
ABOUT: dict[str, tuple[int, dict[str, int]]] = {
    "glm": (151348, {"eos_token": 151329, "pad_token": 151329}),
    "qwen": (151664, {"eos_token": 151645, "pad_token": 151643}),
    "llama3": (128255, {"eos_token": 128009, "bos_token": 128000}),
    "llama2": (31999, {"eos_token": 2, "bos_token": 1}),
    "gemma": (255999, {"eos_token": 1, "bos_token": 2, "pad_token": 0}),
    "gpt2": (50256, {"eos_token": 50256, "bos_token": 50256}),
    "tiny": (3, {"eos_token": 3}),
    "smollm2": (49151, {"eos_token": 2, "bos_token": 1, "pad_token": 2}),
}


def text_file(name: str, content: Any) -> TextFile:
    """A file in /m: None for none, a text as it is, ``{state: pointer}`` for one that is no text, else JSON."""
    inside = f"/m/{name}"
    if content is None:
        return TextFile(name, inside, inside, "missing")
    if isinstance(content, dict) and set(content) == {"state"}:
        return TextFile(name, inside, inside, content["state"], sha256="0" * 64)
    text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
    return TextFile(name, inside, inside, "ok", text, hashlib.sha256(text.encode()).hexdigest())


def settings(case: dict[str, Any]) -> GenerationSettings:
    """The settings of a case: ``generation``, ``config``, ``engine``, ``chat``, ``sampling``."""
    return GenerationSettings(
        case.get("engine", "transformers"),
        "/m",
        text_file("generation_config.json", case.get("generation")),
        text_file("config.json", case.get("config", {})),
        case.get("sampling", True),
        case.get("chat", False),
    )


def vocabulary(name: str, **changes: Any) -> Vocabulary:
    """One of the published tokenizers; ``missing``, ``broken`` and ``partial`` for none that is whole."""
    file = text_file("tokenizer.json", None if name == "missing" else {})
    if name in ("missing", "broken"):
        return Vocabulary(file, name)
    family, _, partial = name.partition("-")
    highest, roles = ABOUT[family]
    tokens = [Token(*each) for each in TOKENS[family]]
    if partial:
        return Vocabulary(file, "partial", tokens=tokens, roles=roles)
    base = min(token.id for token in tokens if token.added)
    values: dict[str, Any] = {"kind": "BPE", "base": base, "highest": highest, "tokens": tokens, "roles": roles}
    return Vocabulary(file, "ok", **{**values, **changes})
