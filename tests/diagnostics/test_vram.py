"""vram: what a launch asks of the GPUs, against what they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.gpus import Gpu, Gpus
from autoglm_fix.diagnostics.vram import vram
from autoglm_fix.diagnostics.vram_findings import LessFree
from autoglm_fix.diagnostics.vram_need import (
    Pictures,
    cache_bytes,
    cache_tokens,
    length_of,
    picture_tokens,
    pictures_of,
    shape_of,
    weight_bytes,
)
from tests.launch.services import service as of_text
from tests.launch.services import source

from .vram_facts import CONFIGS, GLM4V_BYTES, README, facts, model

COMPOSE = """\
services:
  vllm:
    image: vllm/vllm-openai:v0.12.0
    command: >-
      {arguments}
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              device_ids: ["1"]
              capabilities: [gpu]
"""
CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
GIB = 1 << 30


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_facts_give_findings(case: dict[str, Any]) -> None:
    assert [finding.code for finding in vram(*facts(case))] == case["findings"]


@pytest.mark.parametrize(
    ("seen", "subject", "reason"),
    [
        (Gpus(problem="it does not answer", pci=1, bound=["nvidia"]), "GPU", "it does not answer"),
        (Gpus("580.65.06", gpus=[Gpu(0, code=15)], pci=1), "GPU 0", "NVML says 15"),
        (Gpus("580.65.06", gpus=[Gpu(0, problems=["memory: 4"])], pci=1), "GPU 0", "memory: 4"),
    ],
)
def test_memory_that_nobody_tells_is_not_taken_for_enough(seen: Gpus, subject: str, reason: str) -> None:
    for state, told in (("failed", True), ("starting", True), ("running", False)):
        _, *others = facts({"total": 15.6, "state_of_service": state})
        found = list(vram(seen, *others))
        assert [(each.code, each.evidence) for each in found] == [("vram.unseen", {"reason": reason})] * told
        assert all(each.subject.startswith(subject) for each in found)


@pytest.mark.parametrize(
    "seen", [Gpus(nvml=12, problem="there is no libnvidia-ml.so.1", pci=0), Gpus(nvml=12, pci=None)]
)
def test_where_there_is_no_gpu_nothing_is_unseen(seen: Gpus) -> None:
    assert list(vram(seen, *facts({"total": 15.6})[1:])) == []


def test_cards_that_a_compose_file_names_are_not_guessed() -> None:
    """Of a container that is not there yet, its text alone tells which of the host's cards it will get."""
    text = COMPOSE.format(arguments=README.partition("api_server ")[2])
    defined = of_text("compose", source("compose", "/srv/compose.yml", text), name="vllm")
    seen, model, sizes, _, *others = facts({"total": 31.4, "free": 2, "cards": 2})
    found = {each.code: each for each in vram(seen, model, sizes, defined, *others)}
    assert set(found) == {"vram.pictures-exceed", "vram.uncomputed"}
    assert found["vram.uncomputed"].evidence == {"unknown": ["device_ids"]}


def test_who_holds_the_memory_is_named_with_what_is_missing() -> None:
    case = {"total": 23.6, "free": 12.0, "holders": [{"name": "ollama", "gib": 11.6, "pid": 812, "user": "desk"}]}
    (short,) = [finding for finding in vram(*facts(case)) if isinstance(finding, LessFree)]
    assert short.holders == ["ollama (pid 812, desk, 11.6 GiB)"]
    assert short.missing == short.wanted - short.free > 9 * GIB


# -- the numbers of the GLM-4.1V-9B model, from its class and its processor


def test_the_weights_of_glm_4_1v() -> None:
    files = model({}).files
    assert weight_bytes(files, ["model.safetensors"]) == GLM4V_BYTES == 2 * 10_292_777_472
    assert weight_bytes(files, ["model.safetensors"], 4) == 2 * GLM4V_BYTES


@pytest.mark.parametrize(
    ("name", "ranks", "each"),
    [
        ("glm4v", 1, 40_960),
        ("glm4", 1, 40_960),
        ("glm4", 2, 20_480),
        ("glm4", 4, 20_480),  # two heads cannot be shared out further
        ("llama-mha", 1, 524_288),
        ("deepseek", 1, 61 * 576 * 2),
        ("deepseek", 8, 61 * 576 * 2),  # one latent vector, on every GPU
    ],
)
def test_the_cache_of_a_token(name: str, ranks: int, each: int) -> None:
    shape = shape_of(CONFIGS[name])
    assert shape is not None
    assert cache_bytes(shape, 1, ranks=ranks, block=1) == each
    assert cache_tokens(shape, 10 * each, ranks=ranks, block=1) == 10


def test_an_fp8_cache_is_half() -> None:
    shape = shape_of(CONFIGS["glm4v"])
    assert shape is not None
    assert cache_bytes(shape, 16, value_bytes=1) * 2 == cache_bytes(shape, 16)


def test_layers_with_a_window_keep_no_more_than_it() -> None:
    shape = shape_of(CONFIGS["gemma-windows"])
    assert shape is not None
    page = 2 * 4 * 256 * 2
    assert cache_bytes(shape, 131_072) == page * (131_072 + 5 * 1024)
    assert cache_bytes(shape, 512) == page * 6 * 512


@pytest.mark.parametrize(
    ("said", "layers"),
    [
        ({"layer_types": ["linear_attention"] * 3 + ["full_attention"]}, 1),
        ({"num_kv_shared_layers": 2}, 2),
        ({"hybrid_override_pattern": "M-M*"}, None),
        ({"full_attention_interval": 4}, None),
        ({"block_configs": [{}]}, None),
        ({}, 4),
    ],
)
def test_only_layers_with_a_cache_of_their_own_count(said: dict[str, Any], layers: int | None) -> None:
    shape = shape_of({"num_hidden_layers": 4, "num_attention_heads": 8, "hidden_size": 1024, **said})
    assert (shape.layers if shape else None) == layers


def test_one_head_for_all_is_one_head() -> None:
    falcon = {"num_hidden_layers": 4, "num_attention_heads": 71, "hidden_size": 4544, "multi_query": True}
    shape = shape_of(falcon)
    assert shape is not None and (shape.kv_heads, shape.head_dim) == (1, 64)


def test_the_readmes_context_takes_a_gibibyte() -> None:
    shape = shape_of(CONFIGS["glm4v"])
    assert shape is not None
    assert round(cache_bytes(shape, 25_480) / GIB, 2) == 0.97


@pytest.mark.parametrize(
    ("wide", "tall", "most", "tokens"),
    [
        (1080, 2400, 5_000_000, 3108),
        (1080, 2400, 28 * 28 * 15000, 3354),
        (1440, 3200, 5_000_000, 3108),
        (1440, 3200, 28 * 28 * 15000, 5814),
        (1170, 2532, 5_000_000, 3154),
        (1080, 1920, 5_000_000, 2691),
        (720, 1280, 5_000_000, 1196),
        (336, 336, 28 * 28 * 15000, 144),
    ],
)
def test_the_tokens_of_a_screenshot(wide: int, tall: int, most: int, tokens: int) -> None:
    assert picture_tokens(tall, wide, Pictures(most_pixels=most)) == tokens


def test_a_processor_s_own_limits_count() -> None:
    said = pictures_of(CONFIGS["glm4v"], {"size": {"shortest_edge": 12544, "longest_edge": 9633792}, "patch_size": 14})
    assert said is not None
    assert (said.least_pixels, said.most_pixels) == (12544, 9633792)
    assert pictures_of(CONFIGS["glm4"], {}) is None


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("25480", 25480),
        ("32k", 32_000),
        ("32K", 32_768),
        ("1.5k", 1500),
        ("auto", None),
        ("-1", None),
        ("9" * 400, None),
        (True, None),
    ],
)
def test_a_context_s_length_as_people_write_it(said: str | bool, tokens: int | None) -> None:
    assert length_of(said) == tokens
