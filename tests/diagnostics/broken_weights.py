"""The ways in which a model's files break, a row each, and what is found of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.weights import weights
from tests import shards

FIRST, SECOND, THIRD = (shards.shard_name(number) for number in (1, 2, 3))
INDEX = "model.safetensors.index.json"
UP_PROJ = "model.layers.0.mlp.up_proj.weight"

Break = Callable[[Path], None]


def diagnose(model: Path | str, *, deep: bool = False, **service: Any) -> list[Finding]:
    spec = ServiceSpec(model=str(model), **service)
    return list(weights(ModelFiles.collect(Context(service=spec), deep=deep), deep=deep))


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    """Each finding's code after the dot, and the name of the file it is about."""
    return [(each.code.partition(".")[2], os.path.basename(each.subject)) for each in findings]


def remove(*names: str) -> Break:
    def apply(model: Path) -> None:
        for name in names:
            (model / name).unlink()

    return apply


def write(name: str, content: bytes | str) -> Break:
    def apply(model: Path) -> None:
        (model / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return apply


def edit(name: str, **values: Any) -> Break:
    return lambda model: shards.edit_json(model / name, **values)


def cut(name: str, by: int) -> Break:
    return lambda model: os.truncate(model / name, (model / name).stat().st_size - by)


def append(name: str, count: int) -> Break:
    return lambda model: os.truncate(model / name, (model / name).stat().st_size + count)


def put(name: str, tensor: str, at: int, data: bytes) -> Break:
    """Other bytes inside a tensor, from its byte ``at`` on (from its end where negative)."""

    def apply(model: Path) -> None:
        begin, end = shards.span(model / name, tensor)
        shards.overwrite(model / name, (begin if at >= 0 else end) + at, data)

    return apply


def link_to_nothing(name: str) -> Break:
    def apply(model: Path) -> None:
        (model / name).unlink()
        (model / name).symlink_to("../gone")

    return apply


def swap(one: str, other: str) -> Break:
    def apply(model: Path) -> None:
        (model / one).rename(model / "aside")
        (model / other).rename(model / one)
        (model / "aside").rename(model / other)

    return apply


def another_models(name: str) -> Break:
    """The shard of the same name of a larger model."""

    def apply(model: Path) -> None:
        other = shards.model(model.parent / "other", hidden=shards.HIDDEN * 2)
        shutil.copy(other / name, model / name)

    return apply


def without_tensor(name: str, tensor: str) -> Break:
    """The shard as of another version, which lacks one tensor and has another instead."""

    def apply(model: Path) -> None:
        tensors = {**shards.shards_of()[int(name[6:11]) - 1], "model.extra": [4]}
        del tensors[tensor]
        shards.safetensors(model / name, tensors)

    return apply


def with_more(name: str) -> Break:
    def apply(model: Path) -> None:
        shards.safetensors(model / name, {**shards.shards_of()[int(name[6:11]) - 1], "model.extra": [4]})

    return apply


def index_of_shards(change: Callable[[str], str]) -> Break:
    """An index whose tensors have other names."""

    def apply(model: Path) -> None:
        said = json.loads((model / INDEX).read_text())
        said["weight_map"] = {change(tensor): shard for tensor, shard in said["weight_map"].items()}
        (model / INDEX).write_text(json.dumps(said))

    return apply


def several(*breaks: Break) -> Break:
    def apply(model: Path) -> None:
        for each in breaks:
            each(model)

    return apply


ZEROS = bytes(70_000)  # more than 64 KiB, and no multiple of a row
HEADER = (2000).to_bytes(8, "little")
OVERLAPPING = shards.header_of({**shards.laid_out({"a": [4]}), "b": shards.laid_out({"b": [2]})["b"]}) + bytes(8)

BROKEN: list[tuple[str, Break, list[tuple[str, str]]]] = [
    ("a shard is missing", remove(SECOND), [("shard-missing", SECOND)]),
    (
        "all shards are missing",
        remove(FIRST, SECOND, THIRD),
        [("shard-missing", name) for name in (FIRST, SECOND, THIRD)],
    ),
    ("a shard is cut short", cut(SECOND, 1), [("shard-truncated", SECOND)]),
    ("a shard is cut inside its header", lambda model: os.truncate(model / SECOND, 60), [("shard-truncated", SECOND)]),
    ("a shard is empty", write(SECOND, b""), [("shard-truncated", SECOND)]),
    ("a shard goes on", append(SECOND, 7), [("shard-padded", SECOND)]),
    ("a shard is a pointer", write(SECOND, shards.pointer("ab" * 32, 99)), [("lfs-pointer", SECOND)]),
    (
        "the tokenizer is a pointer",
        write("tokenizer.json", shards.pointer("ab" * 32, 99)),
        [("lfs-pointer", "tokenizer.json")],
    ),
    ("a shard is a page", write(SECOND, "<!DOCTYPE html><html>Sign in</html>"), [("html-instead", SECOND)]),
    ("a shard is a server's message", write(SECOND, '{"error": "Repository not found"}'), [("html-instead", SECOND)]),
    ("a shard is a link to nothing", link_to_nothing(SECOND), [("dangling-link", SECOND)]),
    ("the config is a link to nothing", link_to_nothing("config.json"), [("dangling-link", "config.json")]),
    ("a shard is noise", write(SECOND, b"\x93\xf2" * 500), [("header-broken", SECOND)]),
    ("a shard's header is no JSON", write(SECOND, HEADER + b"{" * 2000), [("header-broken", SECOND)]),
    ("a shard's header is deep", write(SECOND, HEADER + b"[" * 1000 + b"]" * 1000), [("header-broken", SECOND)]),
    ("a shard's tensors overlap", write(SECOND, OVERLAPPING), [("header-broken", SECOND)]),
    (
        "a shard is a folder",
        several(remove(SECOND), lambda model: (model / SECOND).mkdir()),
        [("header-broken", SECOND)],
    ),
    ("the index is missing", remove(INDEX), [("index-missing", INDEX)]),
    ("the index is cut short", cut(INDEX, 20), [("index-broken", INDEX)]),
    ("the index is empty", write(INDEX, ""), [("index-broken", INDEX)]),
    ("the index has no map", write(INDEX, "{}"), [("index-broken", INDEX)]),
    ("the index leads out", write(INDEX, '{"weight_map": {"a": "../../etc/passwd"}}'), [("index-broken", INDEX)]),
    ("the index is another model's", index_of_shards(lambda name: name + "_q"), [("index-broken", INDEX)]),
    ("a shard lacks a tensor", without_tensor(SECOND, UP_PROJ), [("index-mismatch", SECOND)]),
    ("two shards are swapped", swap(SECOND, THIRD), [("index-mismatch", SECOND), ("index-mismatch", THIRD)]),
    ("a shard has more tensors", with_more(SECOND), [("index-incomplete", SECOND)]),
    ("a shard is another model's", another_models(SECOND), [("shard-of-another-model", SECOND)]),
    ("the tokens' table is another model's", another_models(FIRST), [("shard-of-another-model", FIRST)]),
    (
        "the config is another model's",
        edit("config.json", hidden_size=32),
        [("config-of-another-model", "config.json")],
    ),
    ("the config has fewer layers", edit("config.json", num_hidden_layers=3), [("shard-of-another-model", THIRD)]),
    ("the config has more layers", edit("config.json", num_hidden_layers=9), [("tensors-missing", "model")]),
    ("the config is missing", remove("config.json"), [("config-missing", "config.json")]),
    ("the tokenizer is missing", remove("tokenizer.json"), [("tokenizer-missing", "tokenizer.json")]),
    (
        "pictures cannot be prepared",
        edit("config.json", vision_config={}),
        [("preprocessor-missing", "preprocessor_config.json")],
    ),
    ("there are two formats", write("pytorch_model.bin", b""), [("several-formats", "model")]),
    (
        "a download broke off",
        several(remove(FIRST, SECOND, THIRD, INDEX), write("x.safetensors.incomplete", b"a")),
        [("incomplete-download", "model")],
    ),
    ("a download was left behind", write("x.safetensors.incomplete", b"a"), [("leftover", "model")]),
    ("there are no weights", remove(FIRST, SECOND, THIRD, INDEX), [("no-weights", "model")]),
    ("a hole in a shard", lambda model: punch(model / SECOND), [("zeroed", SECOND)]),
]

BROKEN_DEEP: list[tuple[str, Break, list[tuple[str, str]]]] = [
    ("zeros in a matrix", put(SECOND, UP_PROJ, 1111, ZEROS), [("zeroed", SECOND)]),
    ("zeros up to a matrix's end", put(SECOND, UP_PROJ, -len(ZEROS), ZEROS), [("zeroed", SECOND)]),
    ("a matrix of zeros", put(SECOND, UP_PROJ, 0, bytes(shards.ROWS * shards.HIDDEN * 2)), [("zeroed", SECOND)]),
    ("a not-a-number", put(SECOND, UP_PROJ, 40, b"\x81\x7f"), [("nan", SECOND)]),
    ("a negative not-a-number", put(SECOND, UP_PROJ, -2, b"\xff\xff"), [("nan", SECOND)]),
    ("a not-a-number in a small tensor", put(THIRD, "model.norm.weight", 0, b"\xc0\x7f"), [("nan", THIRD)]),
]

HARMLESS_DEEP: list[tuple[str, Break]] = [
    ("an infinite number", put(SECOND, UP_PROJ, 40, b"\x80\x7f")),
    ("the largest number", put(SECOND, UP_PROJ, 40, b"\x7f\xff")),
    ("a bias of zeros", put(SECOND, "model.layers.0.mlp.up_proj.bias", 0, bytes(shards.ROWS * 2))),
    ("short zeros", put(SECOND, UP_PROJ, 1000, bytes(20_000))),
    ("whole rows at a matrix's end", put(SECOND, UP_PROJ, -600 * shards.HIDDEN * 2, bytes(600 * shards.HIDDEN * 2))),
]


def punch(path: Path) -> None:
    """A file of the same size whose second half was never written."""
    raw = path.read_bytes()
    begin, _ = shards.span(path, "model.layers.1.mlp.up_proj.weight")
    path.write_bytes(raw[: begin + 5000])
    os.truncate(path, len(raw))
