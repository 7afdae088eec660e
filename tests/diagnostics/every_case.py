"""The facts of every case of the diagnostics' tables, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.diagnostics import DIAGNOSTICS, Finding

from . import cuda_facts, dependency_facts, settings_facts, timeouts_facts, tokenizer_facts, vram_facts
from .test_cuda import ROWS as CUDA
from .test_dependencies import CASES as DEPENDENCIES
from .test_file import CASES as FILE
from .test_file import plain_file
from .test_generation_config import CASES as GENERATION
from .test_service import CASES as SERVICE
from .test_timeouts import CASES as TIMEOUTS
from .test_tokenizer import CASES as TOKENIZER
from .test_vram import CASES as VRAM
from .test_weights import CASES as WEIGHTS

# What those ask for that take an option without a default.
OPTIONS: dict[str, dict[str, Any]] = {"file": {"path": "/etc/model.env", "line": "HF_HUB_OFFLINE=1"}}


def findings_of(diagnostic: str, *facts: Any) -> Iterator[Finding]:
    """What a diagnostic says to facts, with the options that it needs."""
    return DIAGNOSTICS[diagnostic].function(*facts, **OPTIONS.get(diagnostic, {}))


def facts_of(diagnostic: str, folder: Path) -> list[tuple[Any, ...]]:
    """The facts of a diagnostic's cases, in the order in which it takes them. Units are read from ``folder``."""
    if diagnostic == "cuda":
        return [(cuda_facts.gpus(case), cuda_facts.environment(case), cuda_facts.service(case)) for case in CUDA]
    if diagnostic == "dependencies":
        return [_dependencies(case) for case in DEPENDENCIES]
    if diagnostic == "file":
        return [(plain_file(*seen),) for seen, *_ in FILE]
    if diagnostic == "generation_config":
        return [(settings_facts.settings(case), _vocabulary(case)) for case in GENERATION]
    if diagnostic == "service":
        return [(msgspec.convert(case["fact"], Service),) for case in SERVICE]
    if diagnostic == "timeouts":
        return [
            (
                timeouts_facts.start(case),
                timeouts_facts.service(case, folder / str(at)),
                timeouts_facts.model(case),
                timeouts_facts.callers(case),
            )
            for at, case in enumerate(TIMEOUTS)
        ]
    if diagnostic == "tokenizer":
        return [
            (
                tokenizer_facts.tokenizer(case),
                _vocabulary(case),
                tokenizer_facts.model(case),
                settings_facts.settings(case),
            )
            for case in TOKENIZER
        ]
    if diagnostic == "vram":
        return [vram_facts.facts(case) for case in VRAM]
    if diagnostic == "weights":
        return [(msgspec.convert(case["fact"], ModelFiles),) for case in WEIGHTS]
    raise LookupError(f"no cases of the diagnostic {diagnostic} are known here")


def _vocabulary(case: dict[str, Any]) -> Any:
    roles = {"roles": case["roles"]} if "roles" in case else {}
    return settings_facts.vocabulary(case["tokens"], **case.get("tokens_are", roles))


def _dependencies(case: dict[str, Any]) -> tuple[Any, ...]:
    return (
        dependency_facts.environment(case["installed"], case.get("python", "3.11.7"), **case.get("environment", {})),
        dependency_facts.service(case.get("argv"), case.get("variables")),
        dependency_facts.model(case.get("model", "unread"), case.get("engine", "vllm")),
    )
