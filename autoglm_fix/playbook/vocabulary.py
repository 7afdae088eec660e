"""What a playbook may name: the diagnostics, the fixes, and the kinds of proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoglm_fix import diagnostics, fixes
from autoglm_fix.diagnostics import Diagnostic, first_line, read_signature
from autoglm_fix.fixes import Fix

from .model import ProofKind

# Generic pairs for what no diagnostic covers; their names are taken.
NOT_YET = frozenset({"command", "config_value", "service_state", "package"})


def generate(
    *,
    prompt: str = "你好",
    max_new_tokens: int = 50,
    require_gpu: bool = True,
    timeout: float = 600.0,
    start_timeout: float = 1800.0,
) -> None:
    """The service generates text, on the GPU, with the right weights."""


def _proofs() -> Mapping[str, ProofKind]:
    return {generate.__name__: ProofKind(generate.__name__, read_signature(generate), first_line(generate))}


@dataclass(frozen=True)
class Vocabulary:
    """Names and what they stand for."""

    diagnostics: Mapping[str, Diagnostic]
    fixes: Mapping[str, Fix]
    proofs: Mapping[str, ProofKind] = field(default_factory=_proofs)


def shipped() -> Vocabulary:
    """All that comes with the package, imported as it is named."""
    return Vocabulary(diagnostics.SHIPPED, fixes.SHIPPED)
