"""A diagnostic that says what it can without some of its facts: ``Fact | Unknown`` in its signature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.diagnostics import Diagnostic, Finding, first_line, read_signature
from autoglm_fix.engine.bound import BoundStep
from autoglm_fix.engine.look import Look, look_at

from .facts import TextFile
from .pair import TEXT, Absent, Odd


def partly(file: TextFile | Unknown, *, error: bool = False) -> Iterator[Finding]:
    """What can be said without the file is in order."""
    if error:
        yield Absent(subject="something else")
    if isinstance(file, Unknown):
        yield Odd(subject="the file")


PARTLY = Diagnostic("partly", partly, read_signature(partly), first_line(partly))


def look(diagnostic: Diagnostic, answer: object, **options: Any) -> Look:
    asking = look_at(BoundStep("play", "step", diagnostic, options), {})
    wanted = list(next(asking))
    try:
        asking.send(dict.fromkeys(wanted, answer))
    except StopIteration as done:
        found: Look = done.value
        return found
    raise AssertionError("it asked for more")


def test_the_signature_says_which_facts_it_can_do_without() -> None:
    assert read_signature(partly).facts == {"file": TextFile}
    assert read_signature(partly).may_lack == {"file"}
    assert TEXT.signature.may_lack == frozenset()


def test_what_it_can_say_is_said_and_the_step_could_not_tell() -> None:
    found = look(PARTLY, Unknown("the disk is gone"))
    assert [finding.code for finding in found.findings] == ["text.odd"]
    assert found.unknown == Unknown("the disk is gone")


def test_an_error_that_was_found_all_the_same_is_what_counts() -> None:
    found = look(PARTLY, Unknown("the disk is gone"), error=True)
    assert [finding.code for finding in found.findings] == ["text.absent", "text.odd"]
    assert found.unknown is None


def test_a_diagnostic_that_needs_the_fact_is_not_asked() -> None:
    found = look(TEXT, Unknown("the disk is gone"))
    assert found.findings == ()
    assert found.unknown == Unknown("the disk is gone")
