"""safetensors: a verdict for whatever bytes there are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from autoglm_fix.agent.formats import Content, Source, safetensors
from tests import shards

GOOD = shards.laid_out({"a.weight": [4, 8], "b.bias": [4]})
DATA = 72


def judge(path: Path, content: bytes) -> Content:
    path.write_bytes(content)
    with path.open("rb") as opened:
        return safetensors.read(Source(opened.fileno(), os.fstat(opened.fileno()).st_size))[0]


def file_of(table: Any, data: int = DATA) -> bytes:
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


@pytest.mark.parametrize("form", ["torch", "numpy"])
def test_a_file_that_the_library_wrote_is_whole(tmp_path: Path, form: str) -> None:
    library = pytest.importorskip(f"safetensors.{form}")
    array = pytest.importorskip(form)
    library.save_file({"a.weight": array.ones((4, 8)), "b.bias": array.ones(4)}, tmp_path / "f")
    verdict = judge(tmp_path / "f", (tmp_path / "f").read_bytes())
    assert (verdict.state, verdict.tensors, verdict.expected_size) == ("whole", 2, (tmp_path / "f").stat().st_size)


def test_the_order_of_tensors_does_not_matter(tmp_path: Path) -> None:
    swapped = dict(reversed(GOOD.items()))
    first, second = (judge(tmp_path / "f", file_of(table)) for table in (GOOD, swapped))
    assert first.state == second.state == "whole"
    assert first.names == second.names


def entry(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "b.bias": {**GOOD["b.bias"], **changes}}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (entry(data_offsets=[60, 68]), "overlaps"),
        (entry(data_offsets=[68, 76]), "leaves a hole"),
        (entry(data_offsets=[64, 70]), "but has 6 bytes"),
        (entry(data_offsets=[72, 64]), "but has -8 bytes"),
        (entry(shape=[5]), "but has 8 bytes"),
        (entry(dtype="F64"), "but has 8 bytes"),
        (entry(shape=[-1]), "lacks"),
        (entry(shape=[4.0]), "lacks"),
        (entry(shape="4"), "lacks"),
        (entry(shape=[1] * 40), "lacks"),
        (entry(data_offsets=[64]), "lacks"),
        (entry(data_offsets=[64, True]), "lacks"),
        (entry(dtype=7), "lacks"),
        ({**GOOD, "c": []}, "is no table"),
        ([], "no table of tensors"),
        ("text", "no table of tensors"),
    ],
)
def test_a_header_that_does_not_tile_the_file_is_broken(tmp_path: Path, table: Any, problem: str) -> None:
    verdict = judge(tmp_path / "f", file_of(table))
    assert verdict.state == "broken"
    assert problem in verdict.problem


def test_a_dtype_of_the_future_is_taken_on_trust(tmp_path: Path) -> None:
    assert judge(tmp_path / "f", file_of(entry(dtype="F5_E9M9"))).state == "whole"


def test_a_model_without_tensors_is_whole(tmp_path: Path) -> None:
    assert judge(tmp_path / "f", file_of({"__metadata__": {}}, 0)).state == "whole"


@pytest.mark.parametrize("length", [0, 1, 100_000_001, 2**63, 2**64 - 1])
def test_a_header_length_beyond_reason_is_broken(tmp_path: Path, length: int) -> None:
    verdict = judge(tmp_path / "f", length.to_bytes(8, "little") + b"{}" + bytes(100))
    assert verdict.state == "broken"
    assert "header length" in verdict.problem


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"", "truncated"),
        (b"\x00" * 5, "truncated"),
        (file_of(GOOD)[:20], "truncated"),
        (file_of(GOOD)[:-1], "truncated"),
        (file_of(GOOD) + b"\0", "padded"),
        (shards.pointer("0" * 64, 5).encode(), "lfs-pointer"),
        (b"\xef\xbb\xbf\n <!doctype HTML>", "html"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "html"),
        (b"Entry not found", "html"),
    ],
)
def test_what_is_no_safetensors_is_named(tmp_path: Path, content: bytes, state: str) -> None:
    assert judge(tmp_path / "f", content).state == state


def test_a_pointer_with_nonsense_promises_nothing(tmp_path: Path) -> None:
    text = b"version https://git-lfs.github.com/spec/v1\noid sha256:xyz\nsize many\n"
    verdict = judge(tmp_path / "f", text)
    assert (verdict.state, verdict.sha256, verdict.expected_size) == ("lfs-pointer", None, None)


def test_names_that_no_terminal_should_see_become_plain(tmp_path: Path) -> None:
    verdict = judge(tmp_path / "f", file_of({"\x1b[2J\ud800.weight": GOOD["a.weight"]}, 64))
    assert verdict.groups[0].name == "[2J?.weight"


STATES = {"whole", "truncated", "padded", "broken", "html", "lfs-pointer"}
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ENTRY = some.fixed_dictionaries(
    {"dtype": some.sampled_from(["BF16", "F32", "?"]) | JSON, "shape": JSON, "data_offsets": JSON}
)
CALM = settings(deadline=None, suppress_health_check=[*HealthCheck], max_examples=150)


@CALM
@given(content=some.binary(max_size=300))
def test_random_bytes_get_a_verdict(tmp_path: Path, content: bytes) -> None:
    assert judge(tmp_path / "f", content).state in STATES


@CALM
@given(text=some.binary(max_size=200), length=some.integers(0, 400), rest=some.binary(max_size=50))
def test_random_headers_get_a_verdict(tmp_path: Path, text: bytes, length: int, rest: bytes) -> None:
    assert judge(tmp_path / "f", length.to_bytes(8, "little") + b"{" + text + rest).state in STATES


@CALM
@given(table=some.dictionaries(some.text(max_size=8), ENTRY | JSON, max_size=4), size=some.integers(0, 64))
def test_random_tables_get_a_verdict(tmp_path: Path, table: Any, size: int) -> None:
    assert judge(tmp_path / "f", file_of(table, size)).state in STATES


@CALM
@given(at=some.integers(0, 400), byte=some.integers(0, 255))
def test_one_changed_byte_gets_a_verdict(tmp_path: Path, at: int, byte: int) -> None:
    content = bytearray(file_of(GOOD))
    content[at % len(content)] = byte
    assert judge(tmp_path / "f", bytes(content)).state in STATES
