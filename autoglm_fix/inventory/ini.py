"""Ansible's INI shape: sections of hosts, ``[group:vars]`` and ``[group:children]``."""

from __future__ import annotations

import re
import warnings

from autoglm_fix.authored.problems import Position, did_you_mean, quoted

from .draft import UNGROUPED, Draft
from .ini_text import BadLine, value, words

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_SECRET = re.compile(r"pass|secret|token", re.IGNORECASE)
_MOST_PROBLEMS = 20
_HOSTS, _VARS, _CHILDREN = "hosts", "vars", "children"
_KINDS = (_HOSTS, _VARS, _CHILDREN)
_A_HOST = "A host stands on a line of its own, with its variables behind it: 'gpu01 ansible_host=10.0.0.1'."
_A_SECTION = "A section is [group], [group:vars] or [group:children], without spaces."
_YAML_FILE = "This looks like YAML: such a file is named .yml, .yaml, or has no ending, and is a mapping of groups."


def read_ini(text: str, file: str, draft: Draft) -> None:
    """Add one file's groups and hosts to the draft."""
    reader = _Reader(file, draft)
    with warnings.catch_warnings():
        # Of a value that looks like Python but is none: it is text.
        warnings.simplefilter("ignore")
        latest = len(draft.problems) + _MOST_PROBLEMS
        for number, line in enumerate(text.splitlines(), start=1):
            reader.line(number, line)
            if len(draft.problems) > latest:
                # Not every line of what was never an inventory.
                return
    reader.end()


class _Reader:
    def __init__(self, file: str, draft: Draft) -> None:
        self._file = file
        self._draft = draft
        self._group = UNGROUPED
        self._kind = _HOSTS
        # Groups that were named before a section of theirs: by whom, or as what.
        self._awaited: dict[str, list[tuple[str, Position]]] = {}
        self._only_variables: dict[str, Position] = {}

    def line(self, number: int, text: str) -> None:
        """Take the next line; what is wrong with it is a problem at its place."""
        stripped = text.strip()
        if not stripped or stripped[0] in ";#":
            return
        at = Position(self._file, number, text.index(stripped[0]) + 1)
        if stripped[0] == "[":
            if section := _SECTION.fullmatch(stripped):
                self._section(section[1], section[2] or _HOSTS, at)
                return
            if stripped.endswith("]"):
                self._say(at, f"{quoted(stripped)} is no section", _A_SECTION)
                return
        if self._kind == _HOSTS:
            self._host(stripped, at)
        elif self._kind == _VARS:
            self._variable(stripped, at)
        elif self._kind == _CHILDREN:
            self._child(stripped, at)

    def end(self) -> None:
        """What was named must have been there."""
        known = [name for name in self._draft.groups if name not in self._only_variables]
        for name, at in self._only_variables.items():
            self._say(at, f"there is no group {quoted(name)} for these variables", did_you_mean(name, known))
        for name, parents in self._awaited.items():
            for _, at in parents:
                hint = did_you_mean(name, known) or f"Write a section [{name}] for it, if an empty one."
                self._say(at, f"there is no group {quoted(name)}", hint)

    def _section(self, group: str, kind: str, at: Position) -> None:
        self._group, self._kind = group, kind
        if kind not in _KINDS:
            hint = did_you_mean(kind, _KINDS) or _A_SECTION
            self._say(at, f"a section of the kind {quoted(kind)} is not known", hint)
        if kind == _VARS:
            if group not in self._draft.groups and group not in self._awaited:
                self._only_variables[group] = at
            self._draft.group(group)
            return
        self._draft.group(group)
        self._only_variables.pop(group, None)
        for parent, place in self._awaited.pop(group, []):
            self._draft.add_child(parent, group, place)

    def _host(self, line: str, at: Position) -> None:
        try:
            first, *rest = words(line)
        except BadLine as err:
            self._say(_along(at, err.column), str(err))
            return
        if first.text == "---" or first.text.endswith(":"):
            self._say(at, f"{quoted(first.text)} is no name of a host", _YAML_FILE)
            return
        given = {}
        for word in rest:
            name, equals, written = word.text.partition("=")
            if not name or not equals:
                self._say(_along(at, word.column), _no_variable(word.text, line), _A_HOST)
                break
            given[name] = value(written, _along(at, word.column + len(name) + 1))
        for host in self._draft.add_hosts(first.text, self._group, at):
            host.variables.update(given)

    def _variable(self, line: str, at: Position) -> None:
        name, equals, written = line.partition("=")
        if not name.strip() or not equals:
            self._say(at, _no_variable(line, line))
            return
        column = len(name) + 1 + len(written) - len(written.lstrip())
        self._draft.set_group_variable(self._group, name.strip(), value(written.strip(), _along(at, column)))

    def _child(self, line: str, at: Position) -> None:
        found = _GROUP.fullmatch(line)
        if not found:
            self._say(at, f"{quoted(line)} is no name of a group", "Each group stands on a line of its own.")
        elif found[1] in self._draft.groups:
            self._draft.add_child(self._group, found[1], at)
        else:
            self._awaited.setdefault(found[1], []).append((self._group, at))

    def _say(self, at: Position, message: str, hint: str = "") -> None:
        self._draft.problems.append(at.problem(message, hint))


def _no_variable(text: str, line: str) -> str:
    """Never with a piece of a password that lacks its quotes."""
    return f"{'this' if _SECRET.search(line) else quoted(text)} is no variable: key=value is expected"


def _along(at: Position, columns: int) -> Position:
    return Position(at.file, at.line, at.column + columns)
