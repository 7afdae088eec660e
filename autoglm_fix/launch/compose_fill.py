"""Variables in the texts of a compose file, filled in as compose fills them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .place import Word
from .traced import Origin, Traced, joined, made, read_as

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_DEEPEST = 10


@dataclass(frozen=True)
class Doubled:
    """How a text is written where variables are filled in; ``inside`` the default of one no brace can stand."""

    inside: bool = False

    def __call__(self, text: str) -> str | None:
        if self.inside and re.search(r"[{}$]", text):
            return None
        return text.replace("$", "$$")


class NotFilled(Exception):
    """A variable that compose refuses, or text that is none of its."""


@dataclass(frozen=True)
class Filled:
    """A value with its variables filled: each letter with where it stands in the end, and with where it is used."""

    inner: Traced
    outer: Traced

    @property
    def text(self) -> str:
        return self.inner.text


def fill(value: Traced, variables: Mapping[str, Word]) -> Filled:
    """A value with ``$NAME``, ``${NAME}`` and ``${NAME:-default}`` filled. Raises NotFilled where compose stops.

    A variable that nobody sets is empty, as for compose.
    """
    return _fill(value, variables, Doubled(), 0)


def _fill(value: Traced, variables: Mapping[str, Word], how: Doubled, depth: int) -> Filled:
    if depth > _DEEPEST:
        raise NotFilled("nested too deep")
    parts: list[Filled] = []
    at = 0
    while at < len(value):
        cut = value.text.find("$", at)
        cut = len(value) if cut < 0 else cut
        same = read_as(value[at:cut], [(value.text[at:cut], 0, cut - at, how)])
        parts.append(Filled(same, same))
        if cut == len(value):
            break
        follows = value.text[cut + 1 : cut + 2]
        if follows == "$":
            dollar = _for(value[cut : cut + 2], "$", how)
            parts.append(Filled(dollar, dollar))
            at = cut + 2
            continue
        if follows == "{":
            end = _closing(value.text, cut + 2)
            inner = _braced(value[cut + 2 : end], variables, depth)
            at = end + 1
        else:
            name = _NAME.match(value.text, cut + 1)
            if name is None:
                raise NotFilled(value.text)
            inner = _value(variables, name[0])
            at = name.end()
        parts.append(Filled(inner, _for(value[cut:at], inner.text, how)))
    return Filled(joined([part.inner for part in parts]), joined([part.outer for part in parts]))


def _for(written: Traced, text: str, how: Doubled) -> Traced:
    """The text that a writing stands for."""
    spot = written.spot()
    origin = None if spot is None else Origin(spot.source, spot.start, spot.end, (how, *spot.writers))
    return Traced(text, (origin,) * len(text))


def _braced(inner: Traced, variables: Mapping[str, Word], depth: int) -> Traced:
    name = _NAME.match(inner.text)
    if name is None:
        raise NotFilled(inner.text)
    operator = _OPERATOR.match(inner.text, name.end())
    if operator is None:
        if name.end() < len(inner):
            raise NotFilled(inner.text)
        return _value(variables, name[0])
    is_set = name[0] in variables and bool(variables[name[0]].text or not operator[0].startswith(":"))
    if operator[0].endswith("?"):
        if not is_set:
            raise NotFilled(f"{name[0]} is required")
        return _value(variables, name[0])
    if operator[0].endswith("+") != is_set:
        return made("") if operator[0].endswith("+") else _value(variables, name[0])
    return _fill(inner[operator.end() :], variables, Doubled(inside=True), depth + 1).inner


def _value(variables: Mapping[str, Word], name: str) -> Traced:
    word = variables.get(name)
    return made("") if word is None else word.value


def _closing(text: str, at: int) -> int:
    depth = 1
    while at < len(text):
        if text[at] == "}":
            depth -= 1
            if not depth:
                return at
        elif text.startswith("${", at):
            depth += 1
            at += 1
        at += 1
    raise NotFilled(text)
