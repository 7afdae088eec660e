"""Ansible's YAML shape: groups with ``hosts``, ``vars`` and ``children``."""

from __future__ import annotations

from autoglm_fix.authored.problems import Position, Problem, did_you_mean, quoted
from autoglm_fix.authored.variables import layer_of
from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping, YamlNode, is_empty

from .draft import ALL, Draft, GroupDraft
from .ranges import BadRange, expand

_KEYS = ("hosts", "vars", "children")
_SHAPE = "An inventory looks like 'all: {hosts: {gpu01: }, vars: {...}, children: {...}}'."


def read_groups(root: YamlNode, draft: Draft, problems: list[Problem]) -> None:
    """Add one file's groups and hosts to the draft."""
    if is_empty(root):
        problems.append(root.at.problem("the inventory is empty", _SHAPE))
        return
    if not isinstance(root, YamlMapping):
        problems.append(root.at.problem("an inventory is a mapping of groups", _SHAPE))
        return
    if "plugin" in root.entries:
        at = root.entries["plugin"].at
        problems.append(at.problem("inventory plugins are not available in this version", _SHAPE))
        return
    for entry in root.entries.values():
        _Reader(draft, problems).group(entry)


class _Reader:
    def __init__(self, draft: Draft, problems: list[Problem]) -> None:
        self._draft = draft
        self._problems = problems

    def group(self, entry: YamlEntry) -> None:
        group = self._draft.group(entry.key)
        for part in self._mapping(entry, f"the group {quoted(entry.key)}", _SHAPE):
            if part.key == "hosts":
                self._hosts(part, group)
            elif part.key == "vars":
                variables = self._as_mapping(part, "'vars'")
                group.variables.update(layer_of(variables) if variables else {})
            elif part.key == "children":
                self._children(part, group)
            else:
                hint = did_you_mean(part.key, _KEYS) or f"Hosts stand below 'hosts:'. {_SHAPE}"
                self._say(part.at, f"{quoted(part.key)} is no key of the group {quoted(entry.key)}", hint)

    def _children(self, part: YamlEntry, group: GroupDraft) -> None:
        for child in self._mapping(part, "'children'", "End the name of each group with ':'."):
            if child.key == ALL:
                self._say(child.at, "'all' contains every group and is in none")
                continue
            group.children[child.key] = child.at
            self.group(child)

    def _hosts(self, part: YamlEntry, group: GroupDraft) -> None:
        for host in self._mapping(part, "'hosts'", "End the name of each host with ':'."):
            variables = self._as_mapping(host, f"the host {quoted(host.key)}")
            for name in self._names(host):
                group.hosts[name] = None
                self._draft.host(name).variables.update(layer_of(variables) if variables else {})

    def _names(self, host: YamlEntry) -> list[str]:
        try:
            names = expand(host.key)
        except BadRange as err:
            self._say(host.at, f"{quoted(host.key)}: {err}")
            return []
        if why := not_a_host_name(names[0]):
            self._say(host.at, f"{quoted(host.key)} is no name of a host: {why}")
            return []
        return names

    def _mapping(self, entry: YamlEntry, what: str, hint: str) -> list[YamlEntry]:
        mapping = self._as_mapping(entry, what, hint)
        return [] if mapping is None else list(mapping.entries.values())

    def _as_mapping(self, entry: YamlEntry, what: str, hint: str = "") -> YamlMapping | None:
        """The mapping below a key, None where there is nothing."""
        if isinstance(entry.value, YamlMapping):
            return entry.value
        if not is_empty(entry.value):
            self._say(entry.value.at, f"{what} holds a mapping", hint)
        return None

    def _say(self, at: Position, message: str, hint: str = "") -> None:
        self._problems.append(at.problem(message, hint))


def not_a_host_name(name: str) -> str:
    """Why a name can't be a host's, or nothing."""
    if not name or name.startswith("-"):
        return "it is empty" if not name else "it begins with '-', as options do"
    if any(char.isspace() or char in ",!&/" for char in name):
        return "it has a space or one of , ! & / in it"
    return ""
