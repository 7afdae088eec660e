"""Every diagnostic over facts that an adversary wrote: findings that can be shown, and never a bug."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoglm_fix import diagnostics
from autoglm_fix.diagnostics import Finding
from tests import hostile
from tests.report import runs

from .every_case import facts_of, findings_of

SHIPPED = sorted(diagnostics.load())
pytestmark = pytest.mark.slow


def spoiled(name: str, folder: Path) -> Iterator[tuple[str, hostile.Facts]]:
    cases = facts_of(name, folder)
    yield from hostile.every_field(cases, hostile.texts_and_numbers)
    yield from hostile.left_out(cases)
    yield from hostile.junk(cases)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_text_or_number_is_a_bug_and_what_is_found_can_be_said(name: str, tmp_path: Path) -> None:
    said: dict[str, dict[str, Finding]] = {}
    for place, facts in spoiled(name, tmp_path):
        for finding in findings_of(name, *facts):
            assert finding.code.startswith(f"{name}."), place
            known = said.setdefault(finding.code, {})
            if repr(finding) not in known:
                known[repr(finding)] = finding
                hostile.has_its_words(finding)
    assert said
    for known in said.values():
        # The shortest and the longest: what was spoiled is in them somewhere.
        odd = sorted(known, key=len)
        chosen = tuple(known[each] for each in dict.fromkeys([*odd[:20], *odd[-20:]]))
        hostile.shown_safely(replace(runs.UNFIXED_STEP, findings=chosen, remaining=chosen))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_very_long_text_is_a_text(name: str, tmp_path: Path) -> None:
    for _, facts in hostile.every_field(facts_of(name, tmp_path), hostile.long_texts):
        for finding in findings_of(name, *facts):
            assert finding.code.startswith(f"{name}.")
