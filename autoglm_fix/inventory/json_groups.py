"""What an executable inventory prints: groups by name, and hosts' variables below ``_meta``."""

from __future__ import annotations

from collections.abc import Mapping

from autoglm_fix.authored.problems import Position, quoted
from autoglm_fix.authored.variables import Authored
from autoglm_fix.authored.yaml_source import Value

from .draft import Draft
from .plain_values import node_of

_META = "_meta"
_KEYS = ("hosts", "vars", "children")


def read_json_groups(value: Value, at: Position, draft: Draft) -> tuple[list[str], Mapping[str, Value] | None]:
    """Add the groups to the draft: the hosts that they name, and all hosts' variables, None where none are told."""
    hosts: dict[str, None] = {}
    told: Mapping[str, Value] | None = None
    if not isinstance(value, dict):
        draft.problems.append(at.problem("what this program prints is no mapping of groups"))
        return [], {}
    for name, group in value.items():
        if name == _META:
            told = _told(group, at, draft)
        else:
            hosts.update(dict.fromkeys(_Group(name, at, draft).read(group)))
    return list(hosts), told


def variables_of(value: Value, host: str, at: Position, draft: Draft) -> dict[str, Authored]:
    """One host's variables, none where nothing is said of it, or after a problem."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        draft.problems.append(at.problem(f"the variables of the host {quoted(host)} are no mapping"))
        return {}
    return {name: node_of(each, at, "", draft.keys) for name, each in value.items()}


def _told(meta: Value, at: Position, draft: Draft) -> Mapping[str, Value] | None:
    found = meta.get("hostvars") if isinstance(meta, dict) else None
    if isinstance(found, dict):
        return found
    draft.problems.append(at.problem(f"{quoted('_meta')} holds no mapping {quoted('hostvars')}"))
    return {}


class _Group:
    def __init__(self, name: str, at: Position, draft: Draft) -> None:
        self._name = name
        self._at = at
        self._draft = draft

    def read(self, group: Value) -> list[str]:
        """Add the group; the hosts that it names. A list is its hosts; a mapping of anything else is one host's."""
        self._draft.group(self._name)
        if not isinstance(group, dict):
            group = {"hosts": group}
        elif not any(key in group for key in _KEYS):
            group = {"hosts": [self._name], "vars": group}
        hosts = [
            host
            for host in self._texts(group.get("hosts", []), "hosts")
            if self._draft.add_host(host, self._name, self._at) is not None
        ]
        variables = group.get("vars", {})
        if not isinstance(variables, dict):
            self._say(f"{quoted('vars')} of the group {quoted(self._name)} is no mapping")
            variables = {}
        for key, value in variables.items():
            self._draft.set_group_variable(self._name, key, node_of(value, self._at, "", self._draft.keys))
        for child in self._texts(group.get("children", []), "children"):
            self._draft.group(child)
            self._draft.add_child(self._name, child, self._at)
        return hosts

    def _texts(self, value: Value, key: str) -> list[str]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return [item for item in value if isinstance(item, str)]
        self._say(f"{quoted(key)} of the group {quoted(self._name)} is no list of names")
        return []

    def _say(self, message: str) -> None:
        self._draft.problems.append(self._at.problem(message))
