"""From YAML text to nodes with positions: what YAML allows and a playbook or inventory doesn't is refused.

Nodes are built from the parser's events, because PyYAML's own composer in C follows nested values
down its stack without a limit: a file of brackets ends the process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Protocol

import yaml

from autoglm_fix.authored.problems import Position, Problem, quoted
from autoglm_fix.authored.vault import Keyring

from .errors import explain
from .nodes import Atom, YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence, YamlVault


class _Parser(Protocol):
    """What is used of PyYAML's loaders."""

    def check_event(self, *kinds: type[yaml.Event]) -> bool: ...

    def get_event(self) -> yaml.Event: ...

    def peek_event(self) -> yaml.Event: ...

    def resolve(self, kind: type[yaml.Node], value: str, implicit: tuple[bool, bool]) -> str: ...


_Loader: Callable[[str], _Parser] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DEEPEST = 60
# An alias costs nothing to write and may stand for a value of any size: past this many values, more
# than _MOST_REPEATED times what the file itself holds is an attack or an accident.
_MOST_VALUES = 100_000
_MOST_REPEATED = 10

_PREFIX = "tag:yaml.org,2002:"
_STR = f"{_PREFIX}str"
# What a plain value begins with that may be anything but text.
_NOT_TEXT = frozenset(filter(None, yaml.SafeLoader.yaml_implicit_resolvers))
_NUMBERS = (f"{_PREFIX}int", f"{_PREFIX}float")
# Text to us: a date or "=" is never meant as anything else in a playbook.
_TEXTS = (_STR, f"{_PREFIX}timestamp", f"{_PREFIX}value")
_MERGE = f"{_PREFIX}merge"
_VAULT = ("!vault", "!vault-encrypted")
_VERBATIM = "!unsafe"


class _Stop(Exception):
    """A mistake after which the rest of the document says nothing."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def compose(
    text: str, file: str, problems: list[Problem], keys: Keyring | None = None, *, any_keys: bool = False
) -> YamlNode | None:
    """The one document of ``text``; None where it makes no sense. Adds to ``problems`` what is wrong with it.

    ``keys`` open values tagged ``!vault``; without them that tag is not one that is known. ``any_keys`` takes a key
    that is a number for text, and says in its entry that it was none.
    """
    try:
        return _Composer(text, file, problems, keys, any_keys).document()
    except (yaml.YAMLError, UnicodeEncodeError) as err:
        problems.append(explain(err, text, file))
    except _Stop as stop:
        problems.append(stop.problem)
    return None


class _Composer:
    def __init__(self, text: str, file: str, problems: list[Problem], keys: Keyring | None, any_keys: bool) -> None:
        self._keys = keys
        self._any_keys = any_keys
        self._text = text
        self._file = file
        self._problems = problems
        self._loader = _Loader(text)
        self._anchors: dict[str, tuple[YamlNode, int]] = {}
        self._open: set[str] = set()
        self._written = 0

    def document(self) -> YamlNode:
        """The first document, which must be the only one; an empty scalar where there is none."""
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            return YamlScalar(None, Position(self._file, 1, 1))
        self._loader.get_event()
        node, _ = self._node(0)
        self._loader.get_event()
        after = self._loader.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise _Stop(self._at(after).problem("a second document begins here", "Keep one document in a file."))
        return node

    def _node(self, depth: int) -> tuple[YamlNode, int]:
        """The next value, and how many values it holds with aliases followed."""
        event = self._loader.get_event()
        at = self._at(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), at)
        if not isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            raise _Stop(at.problem("a value is expected here"))
        if depth > _DEEPEST:
            raise _Stop(at.problem(f"this is nested more than {_DEEPEST} levels deep"))
        self._written += 1
        if event.anchor is not None:
            self._open.add(event.anchor)
        node, size = self._built(event, at, depth)
        if event.anchor is not None:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = node, size
        if size > _MOST_VALUES and size > _MOST_REPEATED * self._written:
            raise _Stop(at.problem("aliases multiply this value beyond reason"))
        return node, size

    def _alias(self, anchor: str, at: Position) -> tuple[YamlNode, int]:
        if anchor in self._open:
            raise _Stop(at.problem("this value contains itself through an alias"))
        if anchor not in self._anchors:
            raise _Stop(at.problem(f"there is no anchor {quoted('&' + anchor)} before this alias"))
        return self._anchors[anchor]

    def _built(
        self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, at: Position, depth: int
    ) -> tuple[YamlNode, int]:
        if isinstance(event, yaml.ScalarEvent):
            if event.tag in _VAULT and self._keys is not None:
                return YamlVault(str(event.value), at, self._keys), 1
            if event.tag == _VERBATIM and self._any_keys:
                return YamlScalar(str(event.value), at, verbatim=True), 1
            start, end = event.start_mark, event.end_mark
            raw = self._text[start.index : end.index] if start and end else ""
            return YamlScalar(self._atom(event, at), at, raw), 1
        if event.tag is not None and event.tag not in (f"{_PREFIX}map", f"{_PREFIX}seq", "!"):
            self._say(at, f"the tag {quoted(_short(event.tag))} is not supported")
        return self._sequence(at, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(at, depth)

    def _sequence(self, at: Position, depth: int) -> tuple[YamlSequence, int]:
        items: list[YamlNode] = []
        total = 1
        while not self._loader.check_event(yaml.SequenceEndEvent):
            item, size = self._node(depth + 1)
            items.append(item)
            total += size
        self._loader.get_event()
        return YamlSequence(tuple(items), at), total

    def _mapping(self, at: Position, depth: int) -> tuple[YamlMapping, int]:
        own: dict[str, YamlEntry] = {}
        merged: dict[str, YamlEntry] = {}
        total = 1
        while not self._loader.check_event(yaml.MappingEndEvent):
            key, key_at, merges, odd = self._key(depth)
            value, size = self._node(depth + 1)
            total += size
            if merges:
                for mapping in self._to_merge(value):
                    merged = {**mapping.entries, **merged}
            elif key in own:
                first = own[key].at.line
                self._say(key_at, f"{quoted(key)} is here a second time", f"The first is in line {first}.")
            elif key is not None:
                own[key] = YamlEntry(key, key_at, value, odd)
        self._loader.get_event()
        return YamlMapping({**merged, **own}, at), total

    def _key(self, depth: int) -> tuple[str | None, Position, bool, Problem | None]:
        """The next key, its place, whether it is ``<<``, and what is odd about it; None for one that is no word."""
        event = self._loader.peek_event()
        at = self._at(event)
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None and self._tag(event) == _STR:
            # Nearly every key there is.
            self._loader.get_event()
            self._written += 1
            return str(event.value), at, False, None
        tag = self._tag(event) if isinstance(event, yaml.ScalarEvent) else None
        node, _ = self._node(depth + 1)
        if not isinstance(node, YamlScalar):
            start = event.start_mark
            braces = start is not None and self._text[start.index - 1 : start.index + 1] == "{{"
            hint = 'Put quotes around a value that begins with a template: "{{ ... }}".' if braces else ""
            self._say(at, "a key is a word, not a list or mapping", hint)
            return None, at, False, None
        if tag == _MERGE:
            return None, at, True, None
        if isinstance(node.value, str):
            return node.value, at, False, None
        meaning = "nothing" if node.value is None else "true or false" if isinstance(node.value, bool) else "a number"
        hint = f'Put quotes around it: "{node.raw}".'
        odd = at.problem(f"the key {quoted(node.raw)} means {meaning} in YAML", hint)
        if self._any_keys:
            return json.dumps(node.value), at, False, odd
        self._problems.append(odd)
        return None, at, False, None

    def _to_merge(self, value: YamlNode) -> Iterator[YamlMapping]:
        for mapping in value.items if isinstance(value, YamlSequence) else (value,):
            if isinstance(mapping, YamlMapping):
                yield mapping
            else:
                self._say(mapping.at, "'<<' merges mappings, and this is none")

    def _tag(self, event: yaml.ScalarEvent) -> str:
        if event.tag is not None and event.tag != "!":
            return str(event.tag)
        if not event.implicit[0] or (event.value and event.value[0] not in _NOT_TEXT):
            return _STR
        return self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)

    def _atom(self, event: yaml.ScalarEvent, at: Position) -> Atom:
        written, tag = str(event.value), self._tag(event)
        if tag in _TEXTS or tag == _MERGE:
            return written
        if tag == f"{_PREFIX}null":
            return None
        if tag == f"{_PREFIX}bool":
            return written.lower() in ("yes", "true", "on")
        if tag in _NUMBERS:
            # 8000:8000 is a pair of ports to everybody but YAML 1.1, which counts it in sixties.
            return written if ":" in written else self._number(written, at)
        self._say(at, f"the tag {quoted(_short(tag))} is not supported")
        return None

    def _number(self, written: str, at: Position) -> Atom:
        digits = written.replace("_", "").lower()
        sign, unsigned = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
        try:
            if unsigned in (".inf", ".nan"):
                return sign * float(unsigned[1:])
            if unsigned.startswith(("0x", "0b")):
                return sign * int(unsigned, 0)
            if unsigned.isdigit():
                return sign * int(unsigned, 8 if unsigned.startswith("0") else 10)
            return sign * float(unsigned)
        except ValueError:
            self._say(at, f"{quoted(written)} is no number", "Put quotes around it if it is meant as text.")
            return None

    def _at(self, event: yaml.Event) -> Position:
        start = event.start_mark
        return Position(self._file, start.line + 1, start.column + 1) if start else Position(self._file)

    def _say(self, at: Position, message: str, hint: str = "") -> None:
        self._problems.append(at.problem(message, hint))


def _short(tag: str) -> str:
    return f"!!{tag[len(_PREFIX) :]}" if tag.startswith(_PREFIX) else tag
