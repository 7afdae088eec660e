"""The services that a host's variables declare: ``service:`` (one) or ``services:`` (a list), checked key by key."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import get_type_hints

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.authored.problems import BadInput, Position, Problem, did_you_mean, quoted, raise_if_any
from autoglm_fix.authored.typed import fit, mismatches
from autoglm_fix.authored.variables import Authored, Layer, Variables, position_in
from autoglm_fix.authored.yaml_source import Value, YamlSequence

from .model import Host

ONE, MANY = "service", "services"
# What each manager knows a service by.
NEEDED = {"systemd": "unit", "docker": "container", "compose": "compose", "command": "command"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_URL = re.compile(r"https?://[^/\s]+.*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Where a service stood that is no part of any file.
_COMMAND_LINE = Position("-e")
_SECRET = "Say where it is kept: {env: NAME} or {file: PATH}."


def services(host: Host, extra: Layer | None = None) -> tuple[ServiceSpec, ...]:
    """The services declared for a host; ``extra`` variables outrank the inventory's.

    A service without a name is called "model". Raises BadInput with all that is wrong with any of them.
    """
    variables = Variables([{"inventory_hostname": host.name}, host.variables], over=[extra or {}])
    reader = _Reader(host.name)
    found = reader.read(variables)
    raise_if_any(reader.problems)
    return tuple(found)


@functools.cache
def service_types() -> Mapping[str, type]:
    """The keys of a service and the types of their values."""
    return get_type_hints(ServiceSpec)


class _Reader:
    def __init__(self, host: str) -> None:
        self.problems: list[Problem] = []
        self._host = host

    def read(self, variables: Variables) -> list[ServiceSpec]:
        declared = [name for name in (ONE, MANY) if name in variables]
        if len(declared) == 2:
            at = position_in(variables.authored(ONE), (), Position(self._host))
            self._say(at, f"the host {quoted(self._host)} has both 'service' and 'services'", "Keep one of them.")
            return []
        if not declared:
            return []
        (key,) = declared
        written = variables.authored(key)
        try:
            value = variables.render(written)
        except BadInput as err:
            self.problems.extend(err.problems)
            return []
        if value is None:
            return []
        if key == ONE:
            return self._all([(value, written)], key)
        if not isinstance(value, list):
            self._say(self._place(written), "'services' holds a list of services")
            return []
        parts = written.items if isinstance(written, YamlSequence) else [written] * len(value)
        return self._all(list(zip(value, parts, strict=True)), key)

    def _all(self, declared: list[tuple[Value, Authored]], key: str) -> list[ServiceSpec]:
        found: dict[str, ServiceSpec] = {}
        for value, written in declared:
            if not isinstance(value, dict):
                hint = "For several write 'services:'." if key == ONE and isinstance(value, list) else ""
                self._say(self._place(written), "a service is a mapping of keys", hint)
                continue
            spec = self._one(value, written)
            if spec is not None and spec.name in found:
                at = self._key(written, "name")
                self._say(at, f"a second service of the host {quoted(self._host)} is named {quoted(spec.name)}")
            elif spec is not None:
                found[spec.name] = spec
        return list(found.values())

    def _one(self, value: dict[str, Value], written: Authored) -> ServiceSpec | None:
        before = len(self.problems)
        given = {key: part for key, part in value.items() if part is not None}
        for key, part in given.items():
            self._check(key, part, written)
        manager = given.get("manager")
        needed = NEEDED.get(manager) if isinstance(manager, str) else None
        if needed is not None and not given.get(needed):
            self._say(
                self._key(written, "manager"), f"the manager {quoted(str(manager))} needs the key {quoted(needed)}"
            )
        return None if len(self.problems) > before else fit(given, ServiceSpec)

    def _check(self, key: str, part: Value, written: Authored) -> None:
        types = service_types()
        if key not in types:
            hint = did_you_mean(key, types, nouns="keys of a service")
            self._say(self._key(written, key), f"a service has no key {quoted(key)}", hint)
            return
        why = _CHECKS[key](part) if key in _CHECKS else ""
        if why:
            self._say(
                position_in(written, (key,), _COMMAND_LINE), f"{quoted(key)} {why}", _SECRET if key == "api_key" else ""
            )
            return
        for mismatch in mismatches(part, types[key]):
            hint = mismatch.hint or ("Write it as a list of words." if types[key] == list[str] else "")
            at = position_in(written, (key, *mismatch.path), _COMMAND_LINE, of_key=mismatch.of_key)
            self._say(at, f"{quoted(key)} {mismatch.message}", hint)

    def _place(self, written: Authored) -> Position:
        return position_in(written, (), _COMMAND_LINE)

    def _key(self, written: Authored, key: str) -> Position:
        return position_in(written, (key,), _COMMAND_LINE, of_key=True)

    def _say(self, at: Position, message: str, hint: str = "") -> None:
        self.problems.append(at.problem(message, hint))


def _check_name(value: Value) -> str:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        return f"is made of letters, digits, '.', '_' and '-', not {quoted(value)}"
    return ""


def _check_endpoint(value: Value) -> str:
    if isinstance(value, str) and not _URL.fullmatch(value):
        return f"is a URL that begins with http:// or https://, not {quoted(value)}"
    return ""


def _check_secret(value: Value) -> str:
    """Nothing that could be the secret itself is ever repeated."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return "is a secret and is never written out"
    if len(value) != 1 or not {"env", "file"} & set(value):
        return "has one key, 'env' or 'file'"
    ((key, where),) = value.items()
    if not isinstance(where, str) or not where:
        return f"needs a text below {quoted(key)}"
    return "" if key == "file" or _WORD.fullmatch(where) else "needs the name of an environment variable below 'env'"


def _check_seconds(value: Value) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""  # its type says it better
    return "" if 0 < value < math.inf else "is a number of seconds greater than 0"


_CHECKS: Mapping[str, Callable[[Value], str]] = {
    "name": _check_name,
    "endpoint": _check_endpoint,
    "api_key": _check_secret,
    "drain_timeout": _check_seconds,
}
