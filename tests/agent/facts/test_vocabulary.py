"""vocabulary: the tokens by number, read from whichever of its files a tokenizer has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.vocabulary import Token, Vocabulary
from autoglm_fix.agent.service import ServiceSpec
from tests.pythons import python_3_8

from .tokenizer_files import tokenizer_json, write

ROOT = Path(__file__).parents[3]


def collected(model: Path, **service: Any) -> Vocabulary:
    found = Vocabulary.collect(Context(service=ServiceSpec(model=str(model), **service)))
    assert msgspec.convert(plain(found), Vocabulary) == found
    return found


def test_a_whole_tokenizer(tmp_path: Path) -> None:
    found = collected(write(tmp_path / "m"))
    assert (found.state, found.kind, found.base, found.highest) == ("ok", "BPE", 257, 262)
    assert found.token(260) == Token(260, "<|user|>", added=True, special=True)
    assert found.token("<|endoftext|>") == found.token(257)
    assert found.roles == {"eos_token": 257, "pad_token": 257}
    assert (found.lacking, found.unlike) == ({}, [])
    assert found.file.text == ""


def test_ids_that_settings_name_are_looked_up_wherever_they_stand(tmp_path: Path) -> None:
    config = {"eos_token_id": 65, "text_config": {"pad_token_id": 66, "deep": {"image_token_index": 67}}}
    found = collected(write(tmp_path / "m", config__json=config, generation_config__json={"eos_token_id": [68, 9999]}))
    plain_ones = [token.id for token in found.tokens if not token.added]
    assert plain_ones == [65, 66, 67, 68]


def test_names_that_no_token_has(tmp_path: Path) -> None:
    settings = {"eos_token": "<|im_end|>", "bos_token": None, "pad_token": "th"}
    found = collected(write(tmp_path / "m", tokenizer_config__json=settings))
    assert found.lacking == {"eos_token": "<|im_end|>"}
    assert found.roles == {"pad_token": 256}


def test_names_of_an_older_file_count_where_the_newer_is_silent(tmp_path: Path) -> None:
    found = collected(
        write(tmp_path / "m", tokenizer_config__json={}, special_tokens_map__json={"eos_token": "<|user|>"})
    )
    assert found.roles == {"eos_token": 260}


def test_two_files_that_disagree(tmp_path: Path) -> None:
    listed = {"260": {"content": "<|im_end|>"}, "257": {"content": "<|endoftext|>"}, "400": {"content": "<new>"}}
    found = collected(write(tmp_path / "m", tokenizer_config__json={"added_tokens_decoder": listed}))
    assert found.unlike == ["260: <|user|> / <|im_end|>"]
    assert found.highest == 400


def test_reserved_tokens_stay_where_they_are(tmp_path: Path) -> None:
    said = tokenizer_json()
    said["added_tokens"] += [{"id": 300 + n, "content": f"<|reserved_special_token_{n}|>"} for n in range(5000)]
    found = collected(write(tmp_path / "m", tokenizer__json=said, config__json={"pad_token_id": 302}))
    assert found.highest == 5299
    assert [token.id for token in found.tokens if token.id >= 300] == [302]


def test_pieces_with_scores_are_numbered_by_place(tmp_path: Path) -> None:
    said = {"model": {"type": "Unigram", "vocab": [["<unk>", 0], ["</s>", 0], ["a", -1.5]]}, "added_tokens": []}
    found = collected(
        write(
            tmp_path / "m",
            tokenizer__json=said,
            tokenizer_config__json={"eos_token": "</s>"},
            config__json={},
            generation_config__json={},
        )
    )
    assert (found.kind, found.base, found.highest, found.roles) == ("Unigram", 3, 2, {"eos_token": 1})


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        ("{", "in line 1", 1),
        ('{\n"model": {\n', "in line 3", 3),
        (b"\xff\xfe", "utf-8", 0),
        ("[]", "it is no tokenizer", 0),
        ('{"model": {"vocab": {}}}', "it holds no tokens", 0),
        ('{"model": {"vocab": {"a": "b"}}}', "an id is no integer", 0),
        ('{"model": {"vocab": [1]}}', "it is no tokenizer", 0),
        ('{"model": {"vocab": {"a": 1}}, "added_tokens": [{"id": null}]}', "it is no tokenizer", 0),
        ("[" * 200_000, "recursion", 0),
        (b"", "", 0),
    ],
)
def test_a_broken_tokenizer_says_where(tmp_path: Path, content: str | bytes, problem: str, line: int) -> None:
    found = collected(write(tmp_path / "m", tokenizer__json=content))
    assert found.state == "broken"
    assert problem in found.problem
    assert found.line == line


def test_without_tokenizer_json_other_files_tell(tmp_path: Path) -> None:
    files: dict[str, Any] = {"tokenizer__json": None, "tokenizer_config__json": None}
    assert collected(write(tmp_path / "none", **files)).state == "missing"
    files["tokenizer_config__json"] = {"added_tokens_decoder": {"7": {"content": "<x>", "special": True}}}
    partial = collected(write(tmp_path / "partial", **files))
    assert (partial.state, partial.highest, partial.tokens) == ("partial", None, [Token(7, "<x>", True, True)])
    whole = collected(write(tmp_path / "whole", **files, vocab__json={"a": 0, "b": 1}))
    assert (whole.state, whole.base, whole.highest) == ("ok", 2, 7)


def test_the_launch_command_may_name_another_folder(tmp_path: Path) -> None:
    model = write(tmp_path / "m", tokenizer__json=None, tokenizer_config__json=None)
    other = write(tmp_path / "other")
    assert collected(model).state == "missing"
    found = collected(model, command=["vllm", "serve", str(model), "--tokenizer", str(other)])
    assert found.file.host == str(other / "tokenizer.json")


def test_a_token_cannot_say_more_than_a_line(tmp_path: Path) -> None:
    said = tokenizer_json()
    said["added_tokens"].append({"id": 400, "content": "a\nb\x1b[31m\u202e" + "x" * 5000})
    text = collected(write(tmp_path / "m", tokenizer__json=said)).tokens[-1].text
    assert text.isprintable()
    assert len(text) <= 200


def test_the_oldest_python_reads_the_same(tmp_path: Path) -> None:
    model = write(tmp_path / "m")
    code = (
        "import json, sys\n"
        "from autoglm_fix.agent.collect import plain\n"
        "from autoglm_fix.agent.context import Context\n"
        "from autoglm_fix.agent.service import ServiceSpec\n"
        "from autoglm_fix.agent.facts import generation_settings, tokenizer, tokenizer_texts, vocabulary\n"
        "ctx = Context(service=ServiceSpec(model=sys.argv[1]))\n"
        "kinds = (vocabulary.Vocabulary, generation_settings.GenerationSettings, tokenizer.Tokenizer)\n"
        "print(json.dumps([plain(kind.collect(ctx)) for kind in (*kinds, tokenizer_texts.TokenizerTexts)]))\n"
    )
    done = subprocess.run(
        [python_3_8(), "-B", "-c", code, str(model)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told[0] == plain(collected(model))
    assert told[2]["behaviour"]["problem"].endswith("names no python")
