"""Ansible's YAML shape: groups with ``hosts``, ``vars`` and ``children``."""

from __future__ import annotations

from autoglm_fix.authored.problems import Position, did_you_mean, quoted
from autoglm_fix.authored.yaml_source import YamlEntry, YamlMapping, YamlNode, YamlScalar, is_empty

from .draft import ALL, Draft

_KEYS = ("hosts", "vars", "children")
_SHAPE = "An inventory looks like 'all: {hosts: {gpu01: }, vars: {...}, children: {...}}'."
_PLUGIN = (
    "Let Ansible run it, and read what it finds: 'ansible-inventory -i FILE --list --yaml --export > hosts.yml',"
    " or name an executable that prints 'ansible-inventory --list'."
)

_PRINTED = "Name an executable that prints it, as Ansible does too."


def read_groups(root: YamlNode, draft: Draft) -> None:
    """Add one file's groups and hosts to the draft."""
    if is_empty(root):
        draft.problems.append(root.at.problem("the inventory is empty", _SHAPE))
        return
    if not isinstance(root, YamlMapping):
        draft.problems.append(root.at.problem("an inventory is a mapping of groups", _SHAPE))
        return
    if "plugin" in root.entries and not isinstance(root.entries["plugin"].value, YamlMapping):
        at = root.entries["plugin"].at
        draft.problems.append(at.problem("inventory plugins are not available in this version", _PLUGIN))
        return
    if "_meta" in root.entries:
        at = root.entries["_meta"].at
        draft.problems.append(at.problem("this is what a program prints for '--list', and no inventory file", _PRINTED))
        return
    reader = _Reader(draft)
    for entry in root.named(draft.problems):
        reader.group(entry)


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def group(self, entry: YamlEntry) -> None:
        self._draft.group(entry.key)
        for part in self._mapping(entry, f"the group {quoted(entry.key)}", _SHAPE):
            if part.key == "hosts":
                self._hosts(part, entry.key)
            elif part.key == "vars":
                for variable in self._variables(part, "'vars'"):
                    self._draft.set_group_variable(entry.key, variable.key, variable.value)
            elif part.key == "children":
                self._children(part, entry.key)
            else:
                hint = did_you_mean(part.key, _KEYS) or f"Hosts stand below 'hosts:'. {_SHAPE}"
                self._say(part.at, f"{quoted(part.key)} is no key of the group {quoted(entry.key)}", hint)

    def _children(self, part: YamlEntry, group: str) -> None:
        for child in self._mapping(part, "'children'", "End the name of each group with ':'."):
            if child.key != ALL:
                self.group(child)
            self._draft.add_child(group, child.key, child.at)

    def _hosts(self, part: YamlEntry, group: str) -> None:
        for host in self._mapping(part, "'hosts'", "End the name of each host with ':'."):
            variables = {each.key: each.value for each in self._variables(host, "")}
            for draft in self._draft.add_hosts(host.key, group, host.at):
                draft.variables.update(variables)

    def _variables(self, entry: YamlEntry, what: str) -> list[YamlEntry]:
        mapping = self._as_mapping(entry, what)
        return [] if mapping is None else mapping.named(self._draft.problems)

    def _mapping(self, entry: YamlEntry, what: str, hint: str) -> list[YamlEntry]:
        """The names below a key. One alone may be written as text."""
        value = entry.value
        if isinstance(value, YamlScalar) and isinstance(value.value, str) and what in ("'hosts'", "'children'"):
            return [YamlEntry(value.value, value.at, YamlScalar(None, value.at))]
        mapping = self._as_mapping(entry, what, hint)
        return [] if mapping is None else mapping.named(self._draft.problems)

    def _as_mapping(self, entry: YamlEntry, what: str, hint: str = "") -> YamlMapping | None:
        """The mapping below a key, None where there is nothing."""
        if isinstance(entry.value, YamlMapping):
            return entry.value
        if not is_empty(entry.value):
            self._say(entry.value.at, f"{what or f'the host {quoted(entry.key)}'} holds a mapping", hint)
        return None

    def _say(self, at: Position, message: str, hint: str = "") -> None:
        self._draft.problems.append(at.problem(message, hint))
