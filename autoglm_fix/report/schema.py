"""The published JSON Schemas: of a run's document, and of a line of ``--format jsonl``."""

from __future__ import annotations

from typing import Any, get_args

from autoglm_fix.diagnostics import Severity, Symptom
from autoglm_fix.engine.results import HostStatus, StepStatus
from autoglm_fix.proof import ClaimStatus, ProofStatus

from .document import SCHEMA

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_SECONDS = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_ANY = {"type": "object"}


def result_schema() -> dict[str, Any]:
    """The JSON Schema of what ``--format json`` prints: a run, or the errors of exit code 4."""
    return {
        "$schema": _DIALECT,
        "title": "autoglm-fix result",
        "oneOf": [_run(), _errors()],
        "$defs": definitions(),
    }


def definitions() -> dict[str, Any]:
    """The parts that documents and events share."""
    return {
        "host": _object(
            status={"enum": [status.value for status in HostStatus]},
            duration_s=_SECONDS,
            error=_or_null(_ref("error")),
            rollback=_or_null(_object(status={"enum": ["restored", "refused", "partial"]})),
            services={"type": "object", "additionalProperties": _service()},
            steps={"type": "array", "items": _ref("step")},
            proof={"type": "array", "items": _ref("proof")},
            machine=_or_null(_TEXT),
        ),
        "step": _object(
            play=_TEXT,
            name=_TEXT,
            service=_TEXT,
            diagnostic=_TEXT,
            status={"enum": [status.value for status in StepStatus]},
            provisional=_or_null(_TEXT),
            findings={"type": "array", "items": _finding()},
            changes={"type": "array", "items": _ref("change")},
            declined={"type": "array", "items": _object(code=_code(), summary=_TEXT, advice=_TEXT)},
            items={"type": "array", "items": _ref("step")},
            error=_or_null(_ref("error")),
            duration_s=_SECONDS,
        ),
        "change": _object(
            kind=_TEXT,
            target=_TEXT,
            risk={"enum": ["safe", "restart", "disruptive"]},
            undo={"enum": ["exact", "state", "none"]},
            summary=_TEXT,
            diff=_TEXT,
            made={"type": "boolean"},
            problem=_or_null(_TEXT),
            shared=_or_null(_TEXT),
            bytes=_or_null(_COUNT),
            took_s=_or_null(_SECONDS),
        ),
        "error": _object(message=_TEXT, hint=_TEXT, tail=_TEXTS, jump=_or_null(_TEXT)),
        "proof": _proof(),
        "run": _run(),
    }


def _run() -> dict[str, Any]:
    return _object(
        schema={"const": SCHEMA},
        run=_TEXT,
        playbook=_TEXT,
        dry_run={"type": "boolean"},
        exit_code={"enum": [0, 1, 2, 3, 4, 5, 130]},
        duration_s=_SECONDS,
        counts={
            "type": "object",
            "propertyNames": {"enum": [status.value for status in HostStatus]},
            "additionalProperties": {"type": "integer", "minimum": 1},
        },
        hosts={"type": "object", "additionalProperties": _ref("host")},
    )


def _errors() -> dict[str, Any]:
    error = _object(file=_TEXT, line=_COUNT, column=_COUNT, message=_TEXT, hint=_TEXT)
    return _object(
        schema={"const": SCHEMA}, exit_code={"const": 4}, errors={"type": "array", "minItems": 1, "items": error}
    )


def _service() -> dict[str, Any]:
    return _object(
        status={"enum": [status.value for status in HostStatus]},
        symptom={"enum": list(get_args(Symptom))},
        cause=_or_null(_code()),
    )


def _finding() -> dict[str, Any]:
    return _object(
        code=_code(),
        severity={"enum": list(get_args(Severity))},
        subject=_TEXT,
        summary=_TEXT,
        evidence=_ANY,
        advice=_TEXT,
    )


def _proof() -> dict[str, Any]:
    check = _object(name=_TEXT, status={"enum": list(get_args(ClaimStatus))}, reason=_or_null(_TEXT), evidence=_ANY)
    return _object(
        play=_TEXT,
        kind=_TEXT,
        service=_TEXT,
        status={"enum": list(get_args(ProofStatus))},
        text=_TEXT,
        tokens=_COUNT,
        device=_or_null(_TEXT),
        gpu=_ANY,
        first_token_s=_or_null(_SECONDS),
        tokens_per_s=_or_null(_SECONDS),
        checks={"type": "array", "items": check},
        symptom={"enum": list(get_args(Symptom))},
        reason=_or_null(_TEXT),
        points_to=_TEXTS,
    )


def _code() -> dict[str, Any]:
    return {"type": "string", "pattern": r"^[a-z0-9_]+\.[a-z0-9_-]+$"}


def _object(**properties: Any) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}
