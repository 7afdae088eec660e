"""A run as one JSON document, for programs. Its sentences are English; its keys and codes are stable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from autoglm_fix.authored.problems import Problem
from autoglm_fix.diagnostics import Finding
from autoglm_fix.engine.results import ChangeRecord, Fault, HostResult, RunResult, StepResult
from autoglm_fix.fixes import Declined
from autoglm_fix.proof import Proof

from .words import Words

SCHEMA = 1


def result_document(result: RunResult, words: Words | None = None) -> dict[str, Any]:
    """The document of a run. ``words`` are for the sentences; English unless given."""
    english = words or Words("en")
    return {
        "schema": SCHEMA,
        "run": result.run,
        "playbook": result.playbook,
        "dry_run": result.dry_run,
        "exit_code": result.exit_code,
        "duration_s": _seconds(result.duration_s),
        "counts": result.counts,
        "hosts": {name: host_document(host, english) for name, host in result.hosts.items()},
    }


def bad_input_document(problems: Iterable[Problem]) -> dict[str, Any]:
    """The document where the playbook, the inventory or the command line is wrong."""
    errors = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]
    return {"schema": SCHEMA, "exit_code": 4, "errors": errors}


def host_document(host: HostResult, words: Words) -> dict[str, Any]:
    """One host of a document."""
    return {
        "status": host.status.value,
        "duration_s": _seconds(host.duration_s),
        "rollback": None if host.rollback is None else {"status": host.rollback.status},
        "services": {
            name: {"status": service.status.value, "symptom": service.symptom, "cause": service.cause}
            for name, service in host.services.items()
        },
        "steps": [step_document(step, words) for step in host.steps],
        "proof": [proof_document(play, proof, words) for play, proof in host.proof],
        "error": None if host.error is None else fault_document(host.error, words),
        "machine": host.machine or None,
    }


def step_document(step: StepResult, words: Words) -> dict[str, Any]:
    """One step of a document; the items of a loop have the same shape."""
    return {
        "play": step.play,
        "name": step.name,
        "service": step.service,
        "diagnostic": step.diagnostic,
        "status": step.status.value,
        "provisional": step.provisional,
        "findings": [finding_document(finding, words) for finding in step.findings],
        "changes": [change_document(change) for change in step.changes],
        "items": [step_document(item, words) for item in step.items],
        "error": _error(step, words),
        "duration_s": _seconds(step.duration_s),
        "declined": [_declined(declined, words) for declined in step.declined],
    }


def finding_document(finding: Finding, words: Words) -> dict[str, Any]:
    """One finding of a document."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "subject": finding.subject,
        "summary": words.finding(finding),
        "evidence": plain(finding.evidence),
        "advice": words.advice(finding).text,
    }


def proof_document(play: str, proof: Proof, words: Words) -> dict[str, Any]:
    """One proof of a document. A ``reason`` is why it, or a claim of it, did not pass."""
    return {
        "play": play,
        "kind": proof.kind,
        "service": proof.service,
        "status": proof.status,
        "text": proof.text,
        "tokens": proof.tokens,
        "device": proof.device,
        "gpu": plain(proof.gpu),
        "first_token_s": None if proof.first_token_s is None else _seconds(proof.first_token_s),
        "tokens_per_s": None if proof.tokens_per_s is None else _seconds(proof.tokens_per_s),
        "checks": [
            {
                "name": check.name,
                "status": check.status,
                "reason": words.reason(check),
                "evidence": plain(check.evidence),
            }
            for check in proof.checks
        ],
        "symptom": proof.symptom,
        "reason": words.reason(proof),
        "points_to": list(proof.points_to),
    }


def plain(value: Any) -> Any:
    """A value as JSON has it. Numbers that JSON lacks become text: ``nan`` is worth knowing."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else str(value)


def change_document(change: ChangeRecord) -> dict[str, Any]:
    """One change of a document. ``shared`` names what it touches where several hosts may have that.

    ``took_s`` is null where it was not made, or not by itself.
    """
    return {
        "kind": change.kind,
        "target": change.target,
        "risk": change.risk,
        "undo": change.undo,
        "summary": change.summary,
        "diff": change.diff,
        "made": change.made,
        "problem": change.problem,
        "shared": change.shared or None,
        "bytes": change.size,
        "took_s": None if change.took_s is None else _seconds(change.took_s),
    }


def _declined(declined: Declined, words: Words) -> dict[str, Any]:
    """Why a fix had nothing to offer."""
    return {"code": declined.code, "summary": words.declined(declined), "advice": words.hint(declined).text}


def fault_document(fault: Fault, words: Words) -> dict[str, Any]:
    """One error of a document. ``jump`` is the jump host that could not be passed, or was lost."""
    said = {"message": words.fault(fault), "hint": words.hint(fault).text}
    return {**said, "tail": list(fault.tail), "jump": fault.behind}


def _error(step: StepResult, words: Words) -> dict[str, Any] | None:
    """The step's error, or why its first change that failed could not be made."""
    if step.error is not None:
        return fault_document(step.error, words)
    problem = next((change.problem for change in step.changes if change.problem is not None), None)
    return None if problem is None else {"message": problem, "hint": "", "tail": [], "jump": None}


def _seconds(seconds: float) -> float:
    return round(seconds, 3) if math.isfinite(seconds) else 0.0
