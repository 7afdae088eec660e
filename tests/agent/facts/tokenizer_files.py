"""A small but whole tokenizer as files, without the libraries that would write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIAL = ("<|endoftext|>", "[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|observation|>")
TEMPLATE = (
    "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def byte_letters() -> list[str]:
    """The letter that byte-level tokenizers write for each byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def tokenizer_json() -> dict[str, Any]:
    """A byte-level BPE of the 256 bytes and one merge, with GLM's special tokens behind them."""
    vocab = {letter: number for number, letter in enumerate(byte_letters())}
    vocab["th"] = 256
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": None,
        "added_tokens": [
            {
                "id": 257 + number,
                "content": text,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for number, text in enumerate(SPECIAL)
        ],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {"type": "BPE", "vocab": vocab, "merges": ["t h"]},
    }


def write(folder: Path, **files: Any) -> Path:
    """A model's folder with its tokenizer; ``files`` (``name__json`` for ``name.json``) replace or remove (None)."""
    given: dict[str, Any] = {
        "config.json": {"vocab_size": 320, "eos_token_id": [257, 260, 262], "pad_token_id": 257},
        "generation_config.json": {"eos_token_id": [257, 260, 262]},
        "tokenizer.json": tokenizer_json(),
        "tokenizer_config.json": {"eos_token": "<|endoftext|>", "pad_token": {"content": "<|endoftext|>"}},
        "chat_template.jinja": TEMPLATE,
    }
    given.update({name.replace("__", "."): content for name, content in files.items()})
    folder.mkdir(exist_ok=True)
    for name, content in given.items():
        if content is not None:
            text = content if isinstance(content, (str, bytes)) else json.dumps(content)
            (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder
