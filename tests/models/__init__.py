"""Models that several tests share: built once, kept in a cache folder, copied before they are broken."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from autoglm_fix.demo import prepare

from . import tiny

_VERSION = "1"  # raised with every change of what is built


def cache() -> Path:
    """Where prepared models are kept: ``$AUTOGLM_FIX_TEST_CACHE``, else the user's cache folder."""
    named = os.environ.get("AUTOGLM_FIX_TEST_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autoglm-fix-tests"


def tiny_text() -> Path:
    """A random Glm4ForCausalLM, read-only by agreement: ``copy`` it before changing it."""
    return _built(f"tiny-glm4-{_VERSION}", tiny.build_text)


def tiny_reasoning() -> Path:
    """A small Glm4ForCausalLM that thinks before it answers "你好"; read-only by agreement."""
    return _built(f"tiny-reasoning-{_VERSION}", tiny.build_reasoning)


def tiny_vision() -> Path:
    """A random Glm4vForConditionalGeneration with its processor, read-only by agreement."""
    return _built(f"tiny-glm4v-{_VERSION}", tiny.build_vision)


def smollm2() -> Path:
    """SmolLM2-135M-Instruct in bfloat16, five shards with an index; read-only by agreement."""
    _need("torch", "transformers", "gguf", prepare.WHEEL)
    return prepare.prepare(cache() / f"smollm2-{_VERSION}", lambda _line: None)


def copy(model: Path, to: Path) -> Path:
    """An own copy of a model in the new folder ``to``."""
    shutil.copytree(model, to)
    return to


def _built(name: str, build: Callable[[Path], None]) -> Path:
    folder = cache() / name
    if not folder.is_dir():
        _need("torch", "transformers", "tokenizers")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = Path(scratch) / name
            build(made)
            for file in made.iterdir():
                file.chmod(0o644)
            try:
                os.rename(made, folder)
            except OSError:
                if not folder.is_dir():  # else another test run was faster
                    raise
    return folder


def _need(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"this Python has no {package}: install the extra `demo`")
