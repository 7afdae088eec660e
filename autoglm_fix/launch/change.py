"""An edit of an option or a variable, as an edit of the command's words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .command import Command, Given, json_of
from .tables import engines


@dataclass(frozen=True)
class WordEdit:
    """Words ``first`` to ``end`` (not included) become others; ``kept`` letters of a single one stay as they are."""

    first: int
    end: int
    words: tuple[str, ...] = ()
    kept: int = 0


def option_edits(command: Command, name: str, value: str | bool | None) -> list[WordEdit]:
    """The edits that give an option a value, or take it out; none where it is so already."""
    engine = engines()[command.engine]
    switch = engine.kind(name) == "switch"
    if value is False and not switch:
        value = None
    if _same(command.options.get(name), value):
        return []
    if command.model_at is not None and name in engine.model and isinstance(value, str):
        return [] if command.model == value else [WordEdit(command.model_at, command.model_at + 1, (value,))]
    given = [each for each in command.given if each.name == name]
    if value is None:
        return [WordEdit(each.first, each.end) for each in given]
    whole = [each for each in given if not each.key]
    singly = [each for each in given if each.key]
    if not given:
        return [WordEdit(command.stop, command.stop, _spelled(name, value))]
    if not whole:
        first, rest = singly[0], singly[1:]
        as_written = first.written.partition(".")[0]
        edits = [WordEdit(first.first, first.end, _spelled(as_written, value))]
    else:
        rest = singly
        edits = [_rewritten(command, whole[-1], value)]
    return edits + [WordEdit(each.first, each.end) for each in rest]


def overriding(command: Command, name: str, value: str | bool) -> WordEdit:
    """The edit that gives an option a value behind all others, of which the last counts."""
    return WordEdit(command.stop, command.stop, _spelled(name, value))


def variable_edits(command: Command, name: str, value: str | None) -> list[WordEdit] | None:
    """The edits of a variable that the command's own words set; None where they do not."""
    if name not in command.front.sets:
        return None
    number, begin = command.front.sets[name]
    kept = begin + len(name) + 1
    word = command.words[number]
    if value is None:
        # Behind "-e" the word is that option's value; both go.
        behind = not begin and command.front.container is not None and number > command.front.container.options
        return [WordEdit(number - behind, number + 1)]
    return [] if word[kept:] == value else [WordEdit(number, number + 1, (word[:kept] + value,), kept)]


def edited_words(words: Sequence[str], edits: Sequence[WordEdit]) -> tuple[str, ...]:
    """The words after the edits."""
    result = list(words)
    for each in sorted(edits, key=lambda edit: edit.first, reverse=True):
        result[each.first : each.end] = each.words
    return tuple(result)


def _rewritten(command: Command, given: Given, value: str | bool) -> WordEdit:
    """The edit of an option that is there once as a whole."""
    written = given.written if isinstance(given.value, str) else given.name
    if not isinstance(value, str) or not isinstance(given.value, str):
        return WordEdit(given.first, given.end, _spelled(written if value is True else given.name, value))
    if given.joined:
        kept = len(command.words[given.first]) - len(given.value)
        return WordEdit(given.first, given.end, (command.words[given.first][:kept] + value,), kept)
    several = given.end - given.first > 2
    return WordEdit(given.first + 1, given.end, tuple(value.split()) if several else (value,))


def _spelled(name: str, value: str | bool) -> tuple[str, ...]:
    if value is True:
        return (name,)
    if value is False:
        return (f"--no-{name.removeprefix('--')}",)
    return (f"{name}={value}",) if value.startswith("-") and not value[1:2].isdigit() else (name, value)


def _same(old: str | bool | None, new: str | bool | None) -> bool:
    if old == new and type(old) is type(new):
        return True
    if not (isinstance(old, str) and isinstance(new, str)):
        return False
    return old[:1] in ("{", "[") and json.dumps(json_of(old)) == json.dumps(json_of(new))
