"""Facts to findings: pure functions, one file a topic. They run in the controller and touch no host."""

import importlib
from collections.abc import Iterator

from .finding import Finding, Severity, Symptom
from .registry import DIAGNOSTICS, Diagnostic, Option, Signature, diagnostic, first_line, read_signature

__all__ = [
    "DIAGNOSTICS",
    "Diagnostic",
    "Finding",
    "Option",
    "Severity",
    "Signature",
    "Symptom",
    "codes",
    "diagnostic",
    "findings",
    "first_line",
    "load",
    "read_signature",
]

_TOPICS = ("cuda", "dependencies", "generation_config", "service", "timeouts", "tokenizer", "vram", "weights")


def findings() -> list[type[Finding]]:
    """Every kind of finding that the shipped diagnostics know, by code."""
    load()
    shipped = [kind for kind in _below(Finding) if kind.__module__.startswith(f"{__name__}.") and hasattr(kind, "code")]
    return sorted(shipped, key=lambda finding: finding.code)


def codes(kind: type[Finding]) -> set[str]:
    """The codes of a kind of finding, and of those that derive from it as far as they are loaded."""
    return {each.code for each in (kind, *_below(kind)) if hasattr(each, "code")}


def _below(kind: type[Finding]) -> Iterator[type[Finding]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def load() -> dict[str, Diagnostic]:
    """All shipped diagnostics by name."""
    for topic in _TOPICS:
        importlib.import_module(f"{__name__}.{topic}")
    return DIAGNOSTICS
