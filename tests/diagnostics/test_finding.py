"""What all findings have in common."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from autoglm_fix.diagnostics import Finding, findings


class Short(Finding, frozen=True, kw_only=True):
    code = "test.short"
    missing: int
    holders: list[str] = msgspec.field(default_factory=list)


@pytest.mark.parametrize("finding", findings(), ids=lambda cls: cls.code)
def test_a_finding_is_a_frozen_struct_and_no_dataclass(finding: type[Finding]) -> None:
    """There are hundreds, and a dataclass takes half a millisecond of each start."""
    assert finding.__struct_config__.frozen
    assert not dataclasses.is_dataclass(finding)


def test_evidence_is_all_but_the_subject() -> None:
    found = Short(subject="GPU 0", missing=5)
    assert found.evidence == {"missing": 5, "holders": []}
    assert (found.severity, found.symptom, found.subject) == ("error", "none", "GPU 0")


def test_findings_cannot_be_changed_and_are_compared_by_their_values() -> None:
    found = Short(subject="GPU 0", missing=5)
    with pytest.raises(AttributeError):
        found.missing = 6
    assert found == Short(subject="GPU 0", missing=5) != Short(subject="GPU 1", missing=5)
