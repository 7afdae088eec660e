"""``--format jsonl``: one event a line, as it happens; the last one carries the run's document."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, TextIO

from autoglm_fix.engine.events import (
    BatchStarted,
    ChangeMade,
    Doing,
    Event,
    HostDone,
    HostLookedAt,
    HostLost,
    HostPlan,
    HostSettled,
    HostStarted,
    LogLine,
    PlansReady,
    Progress,
    ProofDone,
    PutBack,
    RunDone,
    RunStarted,
    StepDone,
)
from autoglm_fix.engine.results import HostStatus

from .document import (
    SCHEMA,
    change_document,
    fault_document,
    host_document,
    proof_document,
    result_document,
    step_document,
)
from .safe import json_text
from .schema import definitions
from .words import Words

_TEXT = {"type": "string"}
_COUNT = {"type": "integer"}
_NAMES: dict[type[Event], str] = {
    RunStarted: "run-started",
    HostStarted: "host-started",
    Doing: "doing",
    Progress: "progress",
    LogLine: "log-line",
    PutBack: "put-back",
    HostLookedAt: "host-looked-at",
    PlansReady: "plans-ready",
    BatchStarted: "batch-started",
    ChangeMade: "change-made",
    StepDone: "step-done",
    ProofDone: "proof-done",
    HostLost: "host-lost",
    HostSettled: "host-settled",
    HostDone: "host-done",
    RunDone: "run-done",
}
# These say how long it took the host to come there, its connection included.
_TIMED = (HostLookedAt, HostLost, HostSettled, HostDone)
# These hold texts and numbers alone.
_PLAIN = (RunStarted, HostStarted, Doing, Progress, LogLine, PutBack, HostLookedAt, BatchStarted)


def _now() -> datetime:
    return datetime.now(timezone.utc)


class JsonLines:
    """A listener that prints each event as one line: ``schema``, ``event``, ``time`` and its own keys."""

    def __init__(self, stream: TextIO, clock: Callable[[], datetime] = _now) -> None:
        self._stream = stream
        self._clock = clock
        self._words = Words("en")
        self._one_at_a_time = threading.Lock()
        self._begun: dict[str, datetime] = {}

    def __call__(self, event: Event) -> None:
        """Print an event."""
        now = self._clock()
        said = {
            "schema": SCHEMA,
            "event": _NAMES[type(event)],
            "time": now.isoformat(timespec="milliseconds"),
            **self._keys(event),
            **self._took(event, now),
        }
        with self._one_at_a_time:
            self._stream.write(json_text(said) + "\n")
            self._stream.flush()

    def _keys(self, event: Event) -> Mapping[str, Any]:
        words = self._words
        if isinstance(event, _PLAIN):
            return {name: list(each) if isinstance(each, tuple) else each for name, each in vars(event).items()}
        if isinstance(event, PlansReady):
            order = {"batches": [list(batch) for batch in event.batches], "max_unavailable": event.max_unavailable}
            return {"deeper": event.deeper, "plans": [self._plan(plan) for plan in event.plans], **order}
        if isinstance(event, HostSettled):
            return {"host": event.host, "status": event.status.value}
        if isinstance(event, ChangeMade):
            return {"host": event.host, "step": event.step, "change": change_document(event.change)}
        if isinstance(event, StepDone):
            return {"host": event.host, "step": step_document(event.step, words)}
        if isinstance(event, ProofDone):
            return {"host": event.host, "proof": proof_document(event.play, event.proof, words)}
        if isinstance(event, HostLost):
            return {"host": event.host, "error": fault_document(event.error, words)}
        if isinstance(event, HostDone):
            return {"host": event.host.name, "result": host_document(event.host, words)}
        return {"result": result_document(event.result, words)}

    def _took(self, event: Event, now: datetime) -> dict[str, float]:
        """How long a host has been at it, where an event says how far it has come. One never begun took no time."""
        if isinstance(event, HostStarted):
            self._begun[event.host] = now
        if not isinstance(event, _TIMED):
            return {}
        name = event.host.name if isinstance(event, HostDone) else event.host
        return {"took_s": round(max(0.0, (now - self._begun.get(name, now)).total_seconds()), 3)}

    def _plan(self, plan: HostPlan) -> dict[str, Any]:
        return {"host": plan.host, "steps": [step_document(step, self._words) for step in plan.steps]}


def event_schema() -> dict[str, Any]:
    """The JSON Schema of one line."""
    step, proof = {"$ref": "#/$defs/step"}, {"$ref": "#/$defs/proof"}
    texts = {"type": "array", "items": _TEXT}
    plan = _closed({"host": _TEXT, "steps": {"type": "array", "items": step}})
    shapes: dict[type[Event], dict[str, Any]] = {
        RunStarted: {**_keys("run", "playbook"), "hosts": texts, "dry_run": {"type": "boolean"}},
        HostStarted: _keys("host"),
        Doing: _keys("host", "phase", "what"),
        Progress: {**_keys("host", "what", "unit"), "done": _COUNT, "total": _COUNT},
        LogLine: _keys("host", "line"),
        PutBack: {**_keys("host"), "paths": texts},
        HostLookedAt: _keys("host"),
        PlansReady: {
            "deeper": {"type": "boolean"},
            "plans": {"type": "array", "items": plan},
            "batches": {"type": "array", "items": texts},
            "max_unavailable": {"type": ["integer", "string"]},
        },
        BatchStarted: {"number": _COUNT, "of": _COUNT, "hosts": texts},
        ChangeMade: {**_keys("host", "step"), "change": {"$ref": "#/$defs/change"}},
        StepDone: {**_keys("host"), "step": step},
        ProofDone: {**_keys("host"), "proof": proof},
        HostLost: {**_keys("host"), "error": {"$ref": "#/$defs/error"}},
        HostSettled: {**_keys("host"), "status": {"enum": [status.value for status in HostStatus]}},
        HostDone: {**_keys("host"), "result": {"$ref": "#/$defs/host"}},
        RunDone: {"result": {"$ref": "#/$defs/run"}},
    }
    took = {"took_s": {"type": "number", "minimum": 0}}
    timed = {event: {**shape, **(took if event in _TIMED else {})} for event, shape in shapes.items()}
    lines = [_line(_NAMES[event], shape) for event, shape in timed.items()]
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "autoglm-fix event", "oneOf": lines, "$defs": definitions()}


def _line(name: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    return _closed({"schema": {"const": SCHEMA}, "event": {"const": name}, **_keys("time"), **shape})


def _keys(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, _TEXT)


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    names = list(properties)
    return {"type": "object", "properties": dict(properties), "required": names, "additionalProperties": False}
