"""Shapes and zeros that no weights of this model have: what to hold against whom, without false alarms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from autoglm_fix.agent.facts.model_files import BadRange, Config, ModelFile, TensorGroup

# Only the language model's own tensors: towers for pictures and sound have sizes of their own.
_OWN = r"(?:model\.|language_model\.)*"
_EMBEDDING = re.compile(_OWN + r"embed_tokens\.weight$")
_HEAD = re.compile(_OWN + r"lm_head\.weight$")
_NORM = re.compile(_OWN + r"(?:norm|layers\.#\.(?:input|post_attention)_layernorm)\.weight$")
_LAYER = re.compile(_OWN + r"layers\.#\.")
_FLOATS = frozenset({"BF16", "F16", "F32", "F64"})

# Tensors that may well be zero: what training starts from there, offsets, tables of positions.
_MAY_BE_ZERO = re.compile(r"bias|lora_[bB]|zero|mask|norm|pos_emb|position|rel_pos|relative|scale|g_idx|modulation")
_PACKED = re.compile(r"(?:^|\.)q?weight(?:_packed)?$")
_ROWS_OF_TOKENS = re.compile(r"embed|wte\.|lm_head|^output\.weight$|token_embd")
_SLACK = 8  # the value beside a row of zeros may end or begin with zero bytes by itself


@dataclass(frozen=True)
class Misfit:
    """A tensor that contradicts config.json."""

    tensor: str
    found: str
    expected: str


def misfit(groups: Iterable[TensorGroup], config: Config) -> Misfit | None:
    """The first tensor of a file that cannot belong to a model of that config."""
    for group in groups:
        found = _misfit(group, config)
        if found is not None:
            return found
    return None


def is_telling(file: ModelFile) -> bool:
    """Whether the file has any tensor that could contradict a config."""
    groups = file.content.groups if file.content else []
    return any(pattern.match(group.name) for group in groups for pattern in (_EMBEDDING, _HEAD, _NORM, _LAYER))


def layers_found(files: Iterable[ModelFile]) -> int:
    """How many layers the files' names count up to, 0 for names that count none."""
    groups = [group for file in files if file.content for group in file.content.groups]
    return max((group.last + 1 for group in groups if group.last is not None and _LAYER.match(group.name)), default=0)


def _misfit(group: TensorGroup, config: Config) -> Misfit | None:
    shape = group.shape
    if config.layers is not None and group.last is not None and _LAYER.match(group.name):
        most = config.layers + config.extra_layers
        if group.last >= most:
            return Misfit(group.name.replace("#", str(group.last), 1), f"layer {group.last}", f"{most} layers")
    if group.dtype not in _FLOATS:
        return None
    is_table = _EMBEDDING.match(group.name) is not None
    if is_table or _HEAD.match(group.name):
        if len(shape) == 2 and config.hidden_size is not None and shape[1] != config.hidden_size:
            return Misfit(group.name, _shown(shape), f"{config.hidden_size} columns")
        if is_table and len(shape) == 2 and config.vocab_size is not None and shape[0] != config.vocab_size:
            return Misfit(group.name, _shown(shape), f"{config.vocab_size} rows")
    elif _NORM.match(group.name) and config.hidden_size is not None and shape != [config.hidden_size]:
        return Misfit(group.name, _shown(shape), str(config.hidden_size))
    return None


def _shown(shape: list[int]) -> str:
    return " x ".join(map(str, shape))


def is_damage(bad: BadRange, config: Config) -> bool:
    """Whether a range of bad bytes is damage, and not what training or padding leaves behind."""
    if bad.kind == "nan":
        return True
    if len(bad.shape) < 2 or _MAY_BE_ZERO.search(bad.tensor):
        return False
    if bad.dtype.startswith(("I", "U", "B")) and bad.dtype != "BF16" and not _PACKED.search(bad.tensor):
        return False
    if bad.length >= bad.size:
        return not (config.tied and "lm_head" in bad.tensor)
    if not _in_whole_rows(bad):
        return True
    # Whole rows: tokens that were never trained, or padding at the end that makes a size divisible.
    return not (_ROWS_OF_TOKENS.search(bad.tensor) or bad.start + bad.length >= bad.size)


def _in_whole_rows(bad: BadRange) -> bool:
    row = bad.size // bad.shape[0] if bad.shape[0] else 0
    if row <= _SLACK:
        return False
    end = bad.start + bad.length
    return -bad.start % row <= _SLACK and (end % row <= _SLACK or end >= bad.size)
