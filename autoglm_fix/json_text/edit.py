"""Edits of JSON text that leave all the rest of it as it is: formatting, order of keys, line ends."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TypeAlias

from . import Json

Key: TypeAlias = "str | int"

_SPACE = re.compile(r"[ \t\n\r]*")
_READER = json.JSONDecoder()
_DEEPEST = 200
# More lines than these between the first difference and the last are sent as they are: to compare them takes too long.
_COMPARED = 1000


@dataclass(frozen=True)
class Node:
    """One value of a JSON text, from ``start`` to ``end`` in characters, with what is in it."""

    start: int
    end: int
    members: tuple[Member, ...] = ()
    items: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Member:
    """A key of an object (from ``start`` in characters) and its value."""

    name: str
    start: int
    value: Node


def scan(text: str) -> Node:
    """Where each value of a JSON text stands. Takes what Python's json takes; else raises ValueError."""
    node = _value(text, _skip(text, 0), 0)
    if _skip(text, node.end) != len(text):
        raise ValueError(f"unexpected text at {node.end}")
    return node


def set_key(text: str, path: Sequence[Key], value: Json) -> str:
    """The text with a value replaced, or a key added to an object that is there.

    Of duplicate keys the last counts, as for every reader. Raises KeyError where the way to the key
    does not exist, ValueError for text that is no JSON.
    """
    holder = _find(scan(text), path[:-1])
    name = path[-1]
    if isinstance(name, int):
        old: Node | None = _item(holder, name)
    else:
        old = next((member.value for member in reversed(holder.members) if member.name == name), None)
    if old is not None:
        return text[: old.start] + _rendered(value, text, old) + text[old.end :]
    if text[holder.start] != "{":
        raise KeyError(name)
    return _insert(text, holder, str(name), value)


def remove_key(text: str, path: Sequence[Key]) -> str:
    """The text without a key (all its duplicates) or an item of a list. Raises as ``set_key`` does."""
    holder = _find(scan(text), path[:-1])
    name = path[-1]
    if isinstance(name, int):
        _item(holder, name)
        return _without(text, holder, [(item.start, item.end) for item in holder.items], name)
    count = sum(member.name == name for member in holder.members)
    if not count:
        raise KeyError(name)
    for _ in range(count):
        text = _without_member(text, path)
    return text


def remove_duplicates(text: str) -> str:
    """The text with each key of its outermost object once: the last, which is the one that counts."""
    members = scan(text).members
    last = {member.name: at for at, member in enumerate(members)}
    parts, done = [], 0
    for at, member in enumerate(members):
        if last[member.name] > at:
            parts.append(text[done : member.start])
            done = members[at + 1].start
    return "".join(parts) + text[done:]


def splices(old: str, new: str) -> list[tuple[int, int, str]]:
    """Byte ranges of the old text, each with what takes its place: whole lines, unchanged ones left out."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line.encode("utf-8")))
    first = _alike(before, after)
    last = _alike(before[first:][::-1], after[first:][::-1])
    old_lines, new_lines = before[first : len(before) - last], after[first : len(after) - last]
    changed = [(0, len(old_lines), 0, len(new_lines))]
    if max(len(old_lines), len(new_lines)) <= _COMPARED:
        found = SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes()
        changed = [(i, j, k, m) for tag, i, j, k, m in found if tag != "equal"]
    return [(starts[first + i], starts[first + j], "".join(new_lines[k:m])) for i, j, k, m in changed]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _without_member(text: str, path: Sequence[Key]) -> str:
    """The text without the first member of that name."""
    holder = _find(scan(text), path[:-1])
    spans = [(member.start, member.value.end) for member in holder.members]
    return _without(text, holder, spans, [member.name for member in holder.members].index(str(path[-1])))


def _without(text: str, holder: Node, spans: list[tuple[int, int]], at: int) -> str:
    start, end = spans[at]
    if at + 1 < len(spans):
        return text[:start] + text[spans[at + 1][0] :]
    if at:
        return text[: spans[at - 1][1]] + text[end:]
    return text[: holder.start + 1] + text[_skip(text, end) :]


def _insert(text: str, holder: Node, name: str, value: Json) -> str:
    """Put a member where the order of the keys asks for it: in its place if they are sorted, else last."""
    written = f"{_written(name)}: "
    if not holder.members:
        return f"{text[: holder.start + 1]}\n  {written}{_written(value)}\n" + "}" + text[holder.end :]
    names = [member.name for member in holder.members]
    at = len(names)
    if names == sorted(names) and len(names) > 1:
        at = sum(each < name for each in names)
    first = holder.members[0]
    before = text[holder.start + 1 : first.start]
    written += _rendered(value, text, first.value)
    if at == len(names):
        end = holder.members[-1].value.end
        return f"{text[:end]},{before or ' '}{written}{text[end:]}"
    start = holder.members[at].start
    return f"{text[:start]}{written},{before or ' '}{text[start:]}"


def _rendered(value: Json, text: str, beside: Node) -> str:
    """A value as this text would write it: lists over several lines where its own are."""
    plain = _written(value)
    if not isinstance(value, list) or not value:
        return plain
    line = text[text.rfind("\n", 0, beside.start) + 1 : beside.start]
    margin = line[: len(line) - len(line.lstrip())]
    newline = "\r\n" if "\r\n" in text else "\n"
    is_list = text[beside.start] == "["
    several = newline in text[beside.start : beside.end] if is_list else re.search(r"\[\s*\n", text) is not None
    if not several or not line.strip().startswith('"'):
        return plain
    step = margin or "  "
    items = f",{newline}".join(f"{margin}{step}{_written(item)}" for item in value)
    return f"[{newline}{items}{newline}{margin}]"


def _written(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Half of a surrogate pair stands in no text, but may stand in an escape.
    return text if text == text.encode("utf-8", "replace").decode("utf-8") else json.dumps(value)


def _find(node: Node, path: Sequence[Key]) -> Node:
    for name in path:
        if isinstance(name, int):
            node = _item(node, name)
            continue
        inner = [member.value for member in node.members if member.name == name]
        if not inner:
            raise KeyError(name)
        node = inner[-1]
    return node


def _item(node: Node, at: int) -> Node:
    if not 0 <= at < len(node.items):
        raise KeyError(at)
    return node.items[at]


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    opening = text[at : at + 1]
    if opening == "{":
        return _object(text, at, depth)
    if opening == "[":
        return _array(text, at, depth)
    return Node(at, _READER.raw_decode(text, at)[1])


def _object(text: str, start: int, depth: int) -> Node:
    members: list[Member] = []
    at = _skip(text, start + 1)
    if text[at : at + 1] == "}":
        return Node(start, at + 1)
    while text[at : at + 1] == '"':
        name, end = _READER.raw_decode(text, at)
        colon = _skip(text, end)
        if text[colon : colon + 1] != ":":
            break
        value = _value(text, _skip(text, colon + 1), depth + 1)
        members.append(Member(name, at, value))
        at = _skip(text, value.end)
        if text[at : at + 1] == "}":
            return Node(start, at + 1, members=tuple(members))
        if text[at : at + 1] != ",":
            break
        at = _skip(text, at + 1)
    raise ValueError(f"an object breaks off at {at}")


def _array(text: str, start: int, depth: int) -> Node:
    items: list[Node] = []
    at = _skip(text, start + 1)
    if text[at : at + 1] == "]":
        return Node(start, at + 1)
    while True:
        item = _value(text, at, depth + 1)
        items.append(item)
        at = _skip(text, item.end)
        if text[at : at + 1] == "]":
            return Node(start, at + 1, items=tuple(items))
        if text[at : at + 1] != ",":
            raise ValueError(f"a list breaks off at {at}")
        at = _skip(text, at + 1)
