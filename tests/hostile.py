"""Facts whose texts and numbers an adversary chose: every field of a dataclass in turn, whatever it is nested in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from autoglm_fix.agent.facts.text_file import TextFile

TEXTS = {
    "empty": "",
    "template": "{{ 7*7 }}{% for x in y %}{{ x }}{% endfor %}",
    "format": "{0.__class__} {subject.__class__} %s %(x)s ${HOME} {",
    "class": "__class__",
    "substitution": "$(reboot)",
    "backticks": "`reboot`",
    "commands": "x; rm -rf / && reboot | reboot\nreboot",
    "quotes": "it's \"reboot\" \\'$(reboot)",
    "option": "--reboot=../../etc/x",
    "path": "../../etc/x",
    "absolute": "/../../etc/shadow",
    "escapes": "\x1b[31mred\x1b]0;title\x07\x9b2J\x08\r",
    "nul": "a\x00b",
    "marks": "\u202egpj.exe\u2066\u200b\ufeff\u2028",
    "ours": "\ue000x\ue001`reboot`",
    "surrogates": "\ud800x\udcff\udfff",
    "digits": "²",
    "number": "9" * 5000,
    "nan": "nan",
    "infinite": "1e999",
    "unit": "[Service]\nExecStart=$(reboot)\n",
    "yaml": "services: {x: {command: [a, !!python/object:os.system b, *c]}}",
}
LONG = "a{b'c\"d$(e)`f`[g]\\h -i=j/k:l\n" * 40_000
NUMBERS = (0, -1, 1, 2**63, 10**400)
FLOATS = (0.0, -1.0, float(2**63), float("nan"), float("inf"), float("-inf"))
JUNK: tuple[Any, ...] = (None, True, -1, 1.5, "x", [], [None], {}, {"a": {}}, [[]], 10**400)

# What has a look at a leaf and its place ("gpus.[].holders.[].name"), and gives what shall stand there.
Spoiling = Callable[[str, Any], Any]


def leaves(value: Any, place: str = "") -> Iterator[str]:
    """The places of all leaves of a fact, the elements of a list under one name."""
    if is_dataclass(value):
        for each in fields(value):
            yield from leaves(getattr(value, each.name), f"{place}.{each.name}")
    elif isinstance(value, dict):
        yield f"{place}.<key>"
        for key, each in value.items():
            yield from leaves(each, f"{place}.{key if isinstance(key, str) and key.isidentifier() else '*'}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from leaves(each, f"{place}.[]")
        yield f"{place}.[]"
    else:
        yield place


def spoiled(value: Any, at: str, spoil: Spoiling, place: str = "") -> Any:
    """The fact with every leaf at that place replaced."""
    if not at.startswith(place):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            each.name: spoiled(getattr(value, each.name), at, spoil, f"{place}.{each.name}") for each in fields(value)
        }
        changed = replace(value, **changes)
        return _consistent(changed) if isinstance(changed, TextFile) and at.endswith(".text") else changed
    if isinstance(value, dict):
        keyed = at == f"{place}.<key>"
        return {
            spoil(at, key) if keyed and isinstance(key, str) else key: spoiled(
                each, at, spoil, f"{place}.{key if isinstance(key, str) and key.isidentifier() else '*'}"
            )
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [spoiled(each, at, spoil, f"{place}.[]") for each in value]
    return spoil(at, value) if place == at else value


def _consistent(file: TextFile) -> TextFile:
    """With the digest that belongs to its text, so that it may be edited."""
    if file.sha256 is None:
        return file
    return replace(file, sha256=hashlib.sha256(file.text.encode("utf-8", "surrogatepass")).hexdigest())
