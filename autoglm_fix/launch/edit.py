"""The texts that make an edit: each way is tried in thought, and what is read back decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from autoglm_fix.agent.facts.service import Service

from .change import WordEdit, edited_words, option_edits, overriding, variable_edits
from .place import Place, Word, gap_before, insert, remove, replace
from .reading import Reading, reading
from .shapes import Edit
from .texts import Texts
from .traced import Splice

# Variables that mean something to the server or its libraries by themselves: a value that stands in one of
# them is not changed for the sake of an option that uses it.
_STEER = ("CUDA_", "NVIDIA_", "HF_", "NCCL_", "OMP_", "PYTORCH_", "LLAMA_ARG_", "OLLAMA_", "LD_", "PYTHON", "PATH")
# What ends nothing as long as nobody sets it.
_NEVER = ("watchdog_s", "runtime_s")
_LEVELS = 4


class NotEdited(Exception):
    """No way to make an edit was found; ``reason`` as in ``ByHand``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class _Wanted:
    """What must be read back."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] | None
    limits: Mapping[str, float]
    type: str


def edited_texts(service: Service, found: Reading, edit: Edit, *, may_add: bool) -> Texts:
    """The texts after an edit. ``may_add``: the program is known to take options that it was not given.

    Raises NotEdited.
    """
    for name, value in edit.options.items():
        found = _with_option(service, found, name, value, may_add)
    for name, text in edit.environment.items():
        found = _with_variable(service, found, name, text)
    for name, limit in edit.limits.items():
        found = _with_limit(service, found, name, limit)
    if edit.type is not None and edit.type != found.manager.type:
        wanted = _Wanted(found.start.argv, found.environment(), found.manager.limits(), edit.type)
        found = _sure(_first(service, found, found.manager.with_type(edit.type), wanted))
    return found.manager.texts


def _with_option(service: Service, found: Reading, name: str, value: str | bool | None, may_add: bool) -> Reading:
    edits = option_edits(found.command, name, value)
    if not edits:
        return found
    if not may_add and name not in found.command.options:
        raise NotEdited("not-found-in-text")
    try:
        return _edited(service, found, edits)
    except NotEdited:
        # What cannot be changed in the server's own file is outranked by the command line.
        in_file = any(each.first in found.of_file for each in edits)
        if not in_file or value is None or value is False:
            raise
        return _edited(service, found, [overriding(found.command, name, value)])


def _edited(service: Service, found: Reading, edits: Sequence[WordEdit]) -> Reading:
    wanted = _Wanted(edited_words(found.start.argv, edits), None, found.manager.limits(), found.manager.type)
    return _of_words(service, found, edits, wanted)


def _with_variable(service: Service, found: Reading, name: str, value: str | None) -> Reading:
    now = found.environment()
    if now.get(name) == value:
        return found
    after = {each: text for each, text in now.items() if each != name}
    after |= {name: value} if value is not None else {}
    edits = variable_edits(found.command, name, value)
    there = name in found.start.environment
    if edits is None and found.command.front.container is not None and value is not None and not there:
        at = found.command.front.container.options
        edits = [WordEdit(at, at, ("-e", f"{name}={value}"))]
    if edits is not None:
        wanted = _Wanted(edited_words(found.start.argv, edits), after, found.manager.limits(), found.manager.type)
        return _of_words(service, found, edits, wanted)
    wanted = _Wanted(found.start.argv, after, found.manager.limits(), found.manager.type)
    return _sure(_first(service, found, _of_variable(found, name, value), wanted))


def _with_limit(service: Service, found: Reading, name: str, value: float) -> Reading:
    now = found.manager.limits()
    if now.get(name, float("inf") if name in _NEVER else None) == value:
        return found
    wanted = _Wanted(found.start.argv, found.environment(), {**now, name: value}, found.manager.type)
    return _sure(_first(service, found, found.manager.with_limit(name, value), wanted))


def _of_words(service: Service, found: Reading, edits: Sequence[WordEdit], wanted: _Wanted) -> Reading:
    """The first way to edit words that is read back as wanted; where none is, in a text that can hold more."""
    after = _first(service, found, _ways(found, edits), wanted)
    if after is None:
        for texts in found.manager.loosened():
            loose = reading(service, texts)
            if loose.start.argv == found.start.argv and loose.manager.rest == found.manager.rest:
                after = after or _first(service, loose, _ways(loose, edits), wanted)
    return _sure(after)


def _sure(after: Reading | None) -> Reading:
    if after is None:
        raise NotEdited("not-found-in-text")
    return after


def _first(service: Service, found: Reading, ways: Iterator[Texts], wanted: _Wanted) -> Reading | None:
    """The first of the ways that is read back as wanted."""
    for way in ways:
        foreign = any(not text.ours for text in way.differing(found.manager.texts))
        for texts in found.manager.settled(way) if foreign else [way]:
            if any(text.trouble for text in texts.differing(found.manager.texts)):
                continue
            after = reading(service, texts)
            if _is_so(found, after, wanted):
                return after
    return None


def _is_so(before: Reading, after: Reading, wanted: _Wanted) -> bool:
    if (after.is_clear, after.start.unclear) != (before.is_clear, before.start.unclear):
        return False
    if after.start.argv != wanted.argv or after.manager.rest != before.manager.rest:
        return False
    if dict(after.manager.limits()) != dict(wanted.limits) or after.manager.type != wanted.type:
        return False
    if (after.start.user, after.start.working_dir) != (before.start.user, before.start.working_dir):
        return False
    now, was = after.environment(), before.environment()
    if wanted.environment is not None:
        return now == dict(wanted.environment)
    changed = [name for name in {*now, *was} if now.get(name) != was.get(name)]
    return set(now) == set(was) and not any(name.startswith(_STEER) for name in changed)


def _of_variable(found: Reading, name: str, value: str | None) -> Iterator[Texts]:
    word = found.start.environment.get(name)
    if word is not None:
        yield from _made(found, list(_word_ways(word, value)))
    yield from found.manager.with_variable(name, value)


def _word_ways(word: Word, value: str | None) -> Iterator[list[Splice] | None]:
    if value is None:
        for place in word.places:
            yield remove([place], None) if place.whole is not None else None
        return
    yield _deep(word, 0, value)
    for place in word.places:
        yield replace(place, [value])


def _ways(found: Reading, edits: Sequence[WordEdit]) -> Iterator[Texts]:
    """The ways to edit words: where a value stands in the end, else where it is written in the command."""
    ways: list[list[Splice] | None] = []
    # A new option stands on a line of its own where the one before does; where that cannot be, behind it.
    for level, aligned in product(range(_LEVELS), (True, False)):
        parts = [_splices(found, edit, level, aligned) for edit in edits]
        known = [part for part in parts if part is not None]
        ways.append([splice for part in known for splice in part] if len(known) == len(parts) else None)
    yield from _made(found, ways)


def _made(found: Reading, ways: Sequence[list[Splice] | None]) -> Iterator[Texts]:
    tried: list[list[Splice]] = []
    for splices in ways:
        if splices and splices not in tried and not _overlap(splices):
            tried.append(splices)
            yield found.manager.texts.edited(splices)


def _overlap(splices: Sequence[Splice]) -> bool:
    return any(one[0] == two[0] and two[1] < one[2] for one, two in pairwise(sorted(splices)))


def _splices(found: Reading, edit: WordEdit, level: int, aligned: bool) -> list[Splice] | None:
    words = found.start.words
    if edit.first == edit.end:
        return _inserted(found, edit, level, aligned)
    if edit.end - edit.first == 1 == len(edit.words) and level == 0:
        deep = _deep(words[edit.first], edit.kept, edit.words[0])
        if deep is not None:
            return deep
    anchor = _place(words[edit.first], max(level - 1, 0))
    if anchor is None:
        return None
    others = [_beside(words[number], anchor) for number in range(edit.first + 1, edit.end)]
    known = [anchor, *(place for place in others if place is not None)]
    if len(known) <= len(others):
        return None
    before = _beside(words[edit.first - 1], known[0]) if edit.first else None
    if not edit.words:
        return remove(known, before)
    first = replace(known[0], edit.words)
    rest = remove(known[1:], known[0]) if len(known) > 1 else []
    return None if first is None or rest is None else [*first, *rest]


def _deep(word: Word, kept: int, new: str) -> list[Splice] | None:
    """The edit of a word's letters where they stand, quotes left as they are."""
    spot = word.value[kept:].spot()
    splice = None if spot is None else spot.splice(new[kept:])
    return None if splice is None else [splice]


def _inserted(found: Reading, edit: WordEdit, level: int, aligned: bool) -> list[Splice] | None:
    """More words behind the last option, in the text where that option is written."""
    start, given = found.start, found.command.given
    if not edit.first:
        return None
    behind = start.words[edit.first - 1]
    option = next((each.first for each in reversed(given) if each.end == edit.first), None)
    anchor = None if option is None else _place(start.words[option], level)
    after = None if anchor is None else _beside(behind, anchor)
    if anchor is None or after is None:
        outermost = behind.places[::-1]
        return insert(outermost[0], edit.words) if outermost and (option is None or level) else None
    spot = anchor.raw.spot()
    text = "" if spot is None else found.manager.texts[spot.source].text[: spot.start]
    return insert(after, edit.words, gap_before(text, after) if aligned else None)


def _place(word: Word, level: int) -> Place | None:
    return word.places[level] if level < len(word.places) else None


def _beside(word: Word, other: Place) -> Place | None:
    """The place of a word next to another, in the same text and quotes."""
    there = other.raw.spot()
    if there is None:
        return None
    found: list[tuple[int, int, Place]] = []
    for number, place in enumerate(word.places):
        here = place.raw.spot()
        if here is not None and (here.source, here.writers) == (there.source, there.writers):
            found.append((max(here.start - there.end, there.start - here.end), number, place))
    return min(found, key=lambda each: each[:2])[2] if found else None
