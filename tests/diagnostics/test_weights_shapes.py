"""Which zeros are damage and which shapes are a stranger's."""

from __future__ import annotations

import pytest

from autoglm_fix.agent.facts.model_files import BadRange, Config, TensorGroup
from autoglm_fix.diagnostics.weights_shapes import is_damage, misfit

ROW = 8192  # 4096 values of BF16
TABLE = "model.embed_tokens.weight"
MATRIX = "model.layers.3.mlp.down_proj.weight"
GLM = Config("ok", hidden_size=4096, vocab_size=151552, layers=40)


def zeros(tensor: str, start: int, length: int, *, rows: int = 1000, dtype: str = "BF16", dims: int = 2) -> BadRange:
    shape = [rows, 4096] if dims == 2 else [rows * 4096]
    return BadRange("zeros", tensor, dtype, shape, rows * ROW, start, length)


@pytest.mark.parametrize(
    ("bad", "damage"),
    [
        (zeros(MATRIX, 5000, 70_000), True),
        (zeros(MATRIX, 10 * ROW, 20 * ROW), True),
        (zeros(MATRIX, 0, 1000 * ROW), True),
        (zeros("model.layers.0.mlp.experts.gate_up_proj", 5000, 70_000), True),
        (zeros("blk.0.ffn_down.weight", 5000, 70_000, dtype="Q4_K"), True),
        (zeros("model.layers.0.mlp.up_proj.qweight", 5000, 70_000, dtype="I32"), True),
        (zeros(TABLE, 5000, 70_000), True),
        (zeros(TABLE, 0, 1000 * ROW), True),
        # What training and padding leave behind:
        (zeros(MATRIX, 980 * ROW, 20 * ROW), False),
        (zeros(MATRIX, 980 * ROW - 3, 20 * ROW + 3), False),
        (zeros(TABLE, 10 * ROW, 20 * ROW), False),
        (zeros(TABLE, 10 * ROW - 1, 20 * ROW + 3), False),
        (zeros("lm_head.weight", 10 * ROW, 20 * ROW), False),
        (zeros("model.layers.0.mlp.down_proj.bias", 0, 1000 * ROW), False),
        (zeros("model.layers.0.attn.lora_B.weight", 0, 1000 * ROW), False),
        (zeros("model.layers.0.mlp.up_proj.qzeros", 0, 1000 * ROW, dtype="I32"), False),
        (zeros("model.layers.0.mlp.up_proj.g_idx", 0, 70_000, dtype="I32"), False),
        (zeros("causal", 0, 1000 * ROW, dtype="BOOL"), False),
        (zeros("model.layers.0.input_layernorm.weight", 0, 1000 * ROW, dims=1), False),
        # NaN are always damage:
        (BadRange("nan", "model.norm.bias", "BF16", [64], 128, 0, 0, 1), True),
    ],
)
def test_zeros_are_damage_where_no_training_leaves_them(bad: BadRange, damage: bool) -> None:
    assert is_damage(bad, GLM) is damage


def test_a_head_of_zeros_is_damage_unless_the_table_of_tokens_stands_in_for_it() -> None:
    head = zeros("lm_head.weight", 0, 1000 * ROW)
    assert is_damage(head, GLM)
    assert not is_damage(head, Config("ok", tied=True))


@pytest.mark.parametrize(
    ("name", "shape", "last", "fits"),
    [
        (TABLE, [151552, 4096], None, True),
        ("model.language_model.embed_tokens.weight", [151552, 4096], None, True),
        ("lm_head.weight", [151552, 4096], None, True),
        ("model.language_model.norm.weight", [4096], None, True),
        ("model.layers.#.input_layernorm.weight", [4096], 39, True),
        # Towers and tables of their own size:
        ("model.visual.norm.weight", [1536], None, True),
        ("vision_tower.layers.#.input_layernorm.weight", [1152], 60, True),
        ("model.layers.#.self_attn.q_norm.weight", [128], 39, True),
        ("model.decoder.embed_tokens.weight", [50272, 512], None, True),
        # Of another model:
        (TABLE, [151552, 2048], None, False),
        (TABLE, [49152, 4096], None, False),
        ("lm_head.weight", [151552, 5120], None, False),
        ("model.norm.weight", [2048], None, False),
        ("model.language_model.layers.#.post_attention_layernorm.weight", [5120], 39, False),
        ("model.layers.#.mlp.up_proj.weight", [1, 1], 40, False),
    ],
)
def test_a_tensor_is_held_against_the_config(name: str, shape: list[int], last: int | None, fits: bool) -> None:
    assert (misfit([TensorGroup(name, "BF16", shape, last=last)], GLM) is None) is fits


def test_layers_for_speculation_come_after_the_others() -> None:
    group = TensorGroup("model.layers.#.mlp.up_proj.weight", "BF16", [1, 1], last=40)
    assert misfit([group], Config("ok", layers=40, extra_layers=1)) is None


def test_nothing_is_held_against_a_config_that_says_nothing() -> None:
    groups = [TensorGroup(TABLE, "BF16", [1, 1]), TensorGroup("model.layers.#.x", "BF16", [1], last=900)]
    assert misfit(groups, Config("ok")) is None


def test_quantised_tables_have_shapes_of_their_own() -> None:
    assert misfit([TensorGroup(TABLE, "U8", [1, 2])], GLM) is None
