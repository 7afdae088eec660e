"""``--junit FILE``: a host is a test suite, a step for a service a test case, a proof another."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TextIO

from autoglm_fix.engine.events import Event, RunDone
from autoglm_fix.engine.results import Fault, HostResult, HostStatus, RunResult, StepResult, StepStatus
from autoglm_fix.proof import Proof

from .outcome import left, parts
from .safe import safe, safe_lines
from .words import Advice, Words

Outcome = Literal["failure", "error", "skipped"]

_STEPS: dict[StepStatus, Outcome] = {
    StepStatus.FAILED: "error",
    StepStatus.AMBIGUOUS: "error",
    StepStatus.UNFIXED: "failure",
    StepStatus.UNKNOWN: "error",
    StepStatus.PENDING: "skipped",
    StepStatus.SKIPPED: "skipped",
}
_PROOFS: dict[str, Outcome] = {"failed": "failure", "unproved": "failure", "pending": "skipped"}
# A host that never got to a step must not be missing from the count.
_HOSTS: dict[HostStatus, Outcome] = {
    HostStatus.FAILED: "error",
    HostStatus.AMBIGUOUS: "error",
    HostStatus.UNREACHABLE: "error",
    HostStatus.UNKNOWN: "error",
    HostStatus.INTERRUPTED: "error",
    HostStatus.UNTOUCHED: "error",
    HostStatus.NO_SERVICE: "skipped",
}


@dataclass(frozen=True)
class Case:
    """One test case; ``outcome`` None has passed."""

    name: str
    place: str
    seconds: float
    outcome: Outcome | None = None
    message: str = ""
    text: str = ""


class JUnitReport:
    """A listener that writes the report of a run, as UTF-8, when it is over."""

    def __init__(self, stream: TextIO, language: str = "en") -> None:
        self._stream = stream
        self._words = Words(language)

    def __call__(self, event: Event) -> None:
        """Write at the end of the run."""
        if isinstance(event, RunDone):
            root = suites(event.result, self._words)
            ET.indent(root)
            self._stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
            self._stream.write(ET.tostring(root, encoding="unicode") + "\n")
            self._stream.flush()


def suites(result: RunResult, words: Words) -> ET.Element:
    """The whole report."""
    root = ET.Element("testsuites", name=safe(f"autoglm-fix {result.playbook}"), time=f"{result.duration_s:.3f}")
    for name, host in result.hosts.items():
        suite = ET.SubElement(root, "testsuite", name=safe(name), time=f"{host.duration_s:.3f}")
        cases = list(_cases(name, host, words))
        for case in cases:
            suite.append(_element(case))
        _count(suite, cases)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    return root


def _cases(name: str, host: HostResult, words: Words) -> Iterator[Case]:
    for step in host.steps:
        yield from (_step(name, part, words) for part in parts(step))
    for play, proof in host.proof:
        yield _proof(name, play, proof, words)
    bad_step = any(_STEPS.get(step.status) in ("failure", "error") for step in host.steps)
    if host.error is not None or (host.status in _HOSTS and not bad_step):
        status = words.name("status", host.status.value)
        message, text = (status, "") if host.error is None else (words.fault(host.error), _fault(host.error, words))
        if host.rollback is not None:
            text = "\n".join(filter(None, (text, words.name("rollback", host.rollback.status))))
        yield Case("host", name, host.duration_s, _HOSTS.get(host.status, "error"), message, text)


def _step(host: str, step: StepResult, words: Words) -> Case:
    place = f"{host}.{step.service}" if step.service else host
    outcome = "skipped" if step.ignored and step.status in _STEPS else _STEPS.get(step.status)
    if outcome is None:
        return Case(step.name, place, step.duration_s)
    status = words.name("step", step.status.value)
    found = [words.finding(finding) for finding in left(step)]
    if step.error is not None:
        found.insert(0, words.fault(step.error))
    message = words.colon.join([status, found[0]]) if found else status
    said = [*found, *(words.declined(each) for each in step.declined)]
    said += [change.problem for change in step.changes if change.problem is not None]
    hints = [words.advice(finding) for finding in left(step)] + [words.hint(each) for each in step.declined]
    tail = "" if step.error is None else _fault(step.error, words)
    return Case(step.name, place, step.duration_s, outcome, message, _text(said, hints, tail))


def _proof(host: str, play: str, proof: Proof, words: Words) -> Case:
    name = words.colon.join([play, proof.kind])
    place = f"{host}.{proof.service}"
    outcome = _PROOFS.get(proof.status)
    if outcome is None:
        return Case(name, place, 0.0)
    reason = words.reason(proof)
    claims = [each for each in proof.checks if each.status != "pass"]
    said = [f"{each.name}{words.colon}{words.reason(each) or each.status}" for each in claims]
    message = words.colon.join([proof.status, reason or words.comma.join(said)]) if reason or said else proof.status
    hints = [words.hint(proof), *map(words.hint, claims)]
    return Case(name, place, 0.0, outcome, message, _text(said, hints, "\n".join(proof.tail)))


def _fault(fault: Fault, words: Words) -> str:
    return _text([], [words.hint(fault)], "\n".join(fault.tail))


def _text(said: list[str], hints: list[Advice], tail: str) -> str:
    lines = [*said, *dict.fromkeys(hint.text for hint in hints if hint.text), *(safe_lines(tail) if tail else [])]
    return "\n".join(map(safe, lines))


def _element(case: Case) -> ET.Element:
    element = ET.Element("testcase", name=safe(case.name), classname=safe(case.place), time=f"{case.seconds:.3f}")
    if case.outcome is not None:
        said = ET.SubElement(element, case.outcome, message=safe(case.message))
        said.text = case.text or None
    return element


def _count(suite: ET.Element, cases: list[Case]) -> None:
    suite.set("tests", str(len(cases)))
    counted: tuple[tuple[str, Outcome], ...] = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    for key, outcome in counted:
        suite.set(key, str(sum(1 for case in cases if case.outcome == outcome)))
