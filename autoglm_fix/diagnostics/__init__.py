"""Facts to findings: pure functions, one file a topic. They run in the controller and touch no host."""

from collections.abc import Iterator, Mapping

from .finding import Finding, Severity, Symptom
from .registry import DIAGNOSTICS, Diagnostic, Option, Signature, Topics, diagnostic, first_line, read_signature

__all__ = [
    "DIAGNOSTICS",
    "SHIPPED",
    "Diagnostic",
    "Finding",
    "Option",
    "Severity",
    "Signature",
    "Symptom",
    "Topics",
    "codes",
    "diagnostic",
    "findings",
    "first_line",
    "load",
    "read_signature",
]

_TOPICS = ("cuda", "dependencies", "file", "generation_config", "service", "timeouts", "tokenizer", "vram", "weights")
SHIPPED: Mapping[str, Diagnostic] = Topics(__name__, _TOPICS, DIAGNOSTICS)


def findings() -> list[type[Finding]]:
    """Every kind of finding that the shipped diagnostics know, by code."""
    load()
    shipped = [kind for kind in _below(Finding) if kind.__module__.startswith(f"{__name__}.") and hasattr(kind, "code")]
    return sorted(shipped, key=lambda finding: finding.code)


def codes(kind: type[Finding]) -> set[str]:
    """The codes of a kind of finding, and of all shipped ones that derive from it."""
    load()
    return {each.code for each in (kind, *_below(kind)) if hasattr(each, "code")}


def _below(kind: type[Finding]) -> Iterator[type[Finding]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def load() -> dict[str, Diagnostic]:
    """All shipped diagnostics by name."""
    return {name: SHIPPED[name] for name in SHIPPED}
