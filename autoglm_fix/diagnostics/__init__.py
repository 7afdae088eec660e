"""Facts to findings: pure functions, one file a topic. They run in the controller and touch no host."""

import importlib

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
    "diagnostic",
    "first_line",
    "load",
    "read_signature",
]

_TOPICS = ("generation_config", "tokenizer", "weights")


def load() -> dict[str, Diagnostic]:
    """All shipped diagnostics by name."""
    for topic in _TOPICS:
        importlib.import_module(f"{__name__}.{topic}")

    return DIAGNOSTICS
