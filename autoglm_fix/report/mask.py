"""The one masker: every string of every event passes it before any listener sees it."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from autoglm_fix.diagnostics import Finding
from autoglm_fix.engine.events import ChangeMade, Doing, Event, HostDone, Listener, LogLine, Progress, RunDone
from autoglm_fix.engine.results import ChangeRecord, Fault, HostResult, StepResult
from autoglm_fix.fixes import Declined

from .secrets import HIDDEN, Secrets, asks_for_a_secret, names_a_secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

D = TypeVar("D", bound="DataclassInstance")

# Our own words and names, on which scripts, catalogues and the next command rely; a host has no say in them.
_OURS = frozenset(
    {
        *("code", "status", "kind", "risk", "undo", "severity", "symptom", "phase", "unit"),
        *("run", "host", "service", "diagnostic"),
    }
)
_NAMED = frozenset({"hosts", "services"})
# Annotations of fields that hold no text, as they are written where the annotation is.
_WITHOUT_TEXT = frozenset(
    {"bool", "int", "float", "bool | None", "int | None", "float | None", "StepStatus", "HostStatus"}
)
_REMEMBERED = 4096


class Masker:
    """Replaces secrets by ``***``: the values it is given, and whatever looks like one.

    The values of ``no_log`` steps are hidden altogether, and what a host says while it is at one;
    codes, statuses and that it failed stay. ``no_log`` names such steps beforehand: steps are looked
    at together, so that one of them hides what hosts say while they look.
    """

    def __init__(self, secrets: Iterable[str] = (), no_log: Iterable[str] = ()) -> None:
        self._known = set(secrets)
        self._hide = _remembering(self._known)
        self._learnt = False
        self._no_log = set(no_log)
        self._doing: dict[str, Doing] = {}
        self._hosts: dict[str, tuple[HostResult, HostResult]] = {}

    def text(self, text: str) -> str:
        """The text without its secrets."""
        if self._learnt:
            self._learnt = False  # before they are read: what is learnt meanwhile is for the next time
            self._hide = _remembering(self._known)
        return self._hide(text)

    def learn(self, secret: str) -> None:
        """Hide this from now on as well: a value that was decrypted just now. From any thread."""
        self._known = {*self._known, secret}
        self._learnt = True

    def event(self, event: Event) -> Event:
        """The event with every string of it masked."""
        if isinstance(event, ChangeMade) and event.step in self._no_log:
            event = dataclasses.replace(event, change=_hidden_change(event.change))
        elif isinstance(event, Doing):
            self._doing[event.host] = event
        elif isinstance(event, LogLine) and self._hushed(event.host):
            event = dataclasses.replace(event, line=HIDDEN)
        elif isinstance(event, Progress) and self._hushed(event.host):
            event = dataclasses.replace(event, what=HIDDEN)
        elif isinstance(event, RunDone):
            hosts = {name: self._host(host) for name, host in event.result.hosts.items()}
            # What it says of itself, beside its hosts, is short.
            result = self._instance(dataclasses.replace(event.result, hosts={}))
            return dataclasses.replace(event, result=dataclasses.replace(result, hosts=hosts))
        if isinstance(event, HostDone):
            return dataclasses.replace(event, host=self._host(event.host))
        return self._instance(event)

    def _host(self, host: HostResult) -> HostResult:
        """A host's result, which is told of twice: when its walk ends, and at the end of the run."""
        known = self._hosts.get(host.name)
        if known is None or known[0] is not host:
            known = self._hosts[host.name] = (host, self._instance(host))
        return known[1]

    def _hushed(self, host: str) -> bool:
        doing = self._doing.get(host)
        if doing is None or doing.phase in ("start", "look"):
            return bool(self._no_log)
        return doing.what in self._no_log

    def _instance(self, value: D) -> D:
        changed = {}
        for name in _fields(type(value)):
            before = getattr(value, name)
            if before:
                after = self._field(name, before)
                if after is not before:
                    changed[name] = after
        return dataclasses.replace(value, **changed) if changed else value

    def _field(self, name: str, value: Any) -> Any:
        if name in _OURS and isinstance(value, str):
            return value
        if name in _NAMED:
            if isinstance(value, Mapping):
                return {key: self._any(each) for key, each in value.items()}
            return value
        return self._any(value)

    def _any(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            hidden = self.text(value)
            return value if hidden == value else hidden
        if isinstance(value, tuple):
            told = tuple(self._arguments(value))
            return told if any(map(operator.is_not, told, value)) else value
        if isinstance(value, Mapping):
            return {self._any(key): self._setting(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return list(self._arguments(value))
        if isinstance(value, StepResult) and value.no_log:
            self._no_log.add(value.name)
            value = _hidden_step(value)
        if isinstance(value, Finding):
            values = {name: self._field(name, getattr(value, name)) for name in value.__struct_fields__}
            same = all(values[name] is getattr(value, name) for name in values)
            return value if same else msgspec.structs.replace(value, **values)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._instance(value)
        return value

    def _setting(self, key: Any, value: Any) -> Any:
        if isinstance(key, str) and value and names_a_secret(key):
            return _hidden(value)
        return self._any(value)

    def _arguments(self, values: Iterable[Any]) -> Iterator[Any]:
        secret_next = False
        for value in values:
            yield HIDDEN if secret_next and isinstance(value, str) else self._any(value)
            secret_next = isinstance(value, str) and asks_for_a_secret(value)


def masked(listener: Listener, masker: Masker) -> Listener:
    """The listener behind the masker: it never sees a secret."""

    def listen(event: Event) -> None:
        listener(masker.event(event))

    return listen


def _hidden(value: Any) -> Any:
    """A secret's value; numbers and the like are none."""
    if isinstance(value, (list, tuple)):
        return type(value)(_hidden(each) for each in value)
    return HIDDEN if isinstance(value, str) else value


@functools.cache
def _fields(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(each.name for each in dataclasses.fields(kind) if each.init and _may_hold_text(each))


def _may_hold_text(field: dataclasses.Field[Any]) -> bool:
    return field.type not in _WITHOUT_TEXT and not (field.name in _OURS and field.type == "str")


def _remembering(secrets: Iterable[str]) -> Callable[[str], str]:
    """Hides these; the hosts of a fleet say much the same, and each of them several times."""
    return functools.lru_cache(_REMEMBERED)(Secrets(tuple(secrets)).hide)


def _hidden_step(step: StepResult) -> StepResult:
    return dataclasses.replace(
        step,
        findings=tuple(map(_hidden_finding, step.findings)),
        remaining=tuple(map(_hidden_finding, step.remaining)),
        changes=tuple(map(_hidden_change, step.changes)),
        declined=tuple(Declined(each.code, dict.fromkeys(each.values, HIDDEN)) for each in step.declined),
        items=tuple(dataclasses.replace(item, no_log=True) for item in step.items),
        error=step.error and Fault(step.error.code, dict.fromkeys(step.error.values, HIDDEN)),
    )


def _hidden_finding(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, **dict.fromkeys(finding.__struct_fields__, HIDDEN))


def _hidden_change(change: ChangeRecord) -> ChangeRecord:
    problem = None if change.problem is None else HIDDEN
    values = dict.fromkeys(change.values, HIDDEN)
    return dataclasses.replace(change, target=HIDDEN, summary=HIDDEN, diff="", problem=problem, values=values)
