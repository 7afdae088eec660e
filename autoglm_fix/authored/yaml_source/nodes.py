"""The nodes of a YAML document: its values, each with the place where it stood."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Union

from autoglm_fix.authored.problems import Position, Problem
from autoglm_fix.authored.vault import Keyring

Value: TypeAlias = Union[bool, int, float, str, "list[Value]", "dict[str, Value]", None]
Atom: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class YamlScalar:
    """One value. ``raw`` is how it was written, quotes and indentation included; ``verbatim`` text is no template."""

    value: Atom
    at: Position
    raw: str = field(default="", repr=False, compare=False)
    verbatim: bool = False

    def position_of(self, fragment: str) -> Position:
        """Where a piece of the value stands in the file; the value's own place if that can't be said."""
        return self._position(self.raw.find(fragment.partition("\n")[0]))

    def position_of_word(self, word: str) -> Position:
        """Where a word of the value stands in the file."""
        found = re.search(rf"\b{re.escape(word)}\b", self.raw)
        return self._position(found.start() if found else -1)

    def _position(self, offset: int) -> Position:
        if offset < 0:
            return self.at
        before = self.raw[:offset]
        lines = before.count("\n")
        column = self.at.column + offset if not lines else offset - before.rindex("\n")
        return Position(self.at.file, self.at.line + lines, column)


@dataclass(frozen=True)
class YamlVault:
    """A value that ansible-vault encrypted. It is opened when it is asked for, is text, and never a template."""

    payload: str
    at: Position
    keys: Keyring = field(repr=False, compare=False)

    def open(self) -> str:
        """The text. Raises BadInput where no password opens it."""
        return self.keys.open_value(self.payload, self.at)


@dataclass(frozen=True)
class YamlSequence:
    """A list."""

    items: tuple[YamlNode, ...]
    at: Position


@dataclass(frozen=True)
class YamlEntry:
    """One key of a mapping and what it holds; ``at`` is the key's place.

    ``odd`` is what is wrong with the key as a name, where it was written as a number and taken for text.
    """

    key: str
    at: Position
    value: YamlNode
    odd: Problem | None = field(default=None, compare=False)


@dataclass(frozen=True)
class YamlMapping:
    """Keys and values, in the order of the file."""

    entries: Mapping[str, YamlEntry]
    at: Position

    def named(self, problems: list[Problem]) -> list[YamlEntry]:
        """The entries whose keys are names; adds to ``problems`` what is wrong with the others."""
        problems += [entry.odd for entry in self.entries.values() if entry.odd is not None]
        return [entry for entry in self.entries.values() if entry.odd is None]


YamlNode: TypeAlias = YamlScalar | YamlVault | YamlSequence | YamlMapping


def plain(node: YamlNode) -> Value:
    """The value as it was written, templates and all; what is encrypted stays so, as ansible-inventory shows it."""
    if isinstance(node, YamlScalar):
        return node.value
    if isinstance(node, YamlVault):
        return {"__ansible_vault": node.payload}
    if isinstance(node, YamlSequence):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def is_empty(node: YamlNode) -> bool:
    """Whether nothing was written (an empty file, or ``key:`` alone)."""
    return isinstance(node, YamlScalar) and node.value is None
