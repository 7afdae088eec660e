"""Facts whose texts and numbers an adversary chose: every field of a dataclass in turn, whatever it is nested in."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import cycle
from typing import Any, get_args, get_type_hints
from xml.etree import ElementTree

from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.diagnostics import Finding
from autoglm_fix.engine.results import HostStatus, StepResult
from autoglm_fix.fixes import Declined
from autoglm_fix.locale import LANGUAGES, Catalogue
from autoglm_fix.report.console import Console
from autoglm_fix.report.html import HtmlReport
from autoglm_fix.report.json import JsonReport
from autoglm_fix.report.jsonl import JsonLines
from autoglm_fix.report.junit import JUnitReport
from autoglm_fix.report.markdown import markdown
from autoglm_fix.report.safe import Masker, masked, safe
from autoglm_fix.report.words import Words
from tests.report import runs

TEXTS = {
    "empty": "",
    "template": "{{ 7*7 }}{% for x in y %}{{ x }}{% endfor %}",
    "format": "{0.__class__} {subject.__class__} %s %(x)s ${HOME} {",
    "class": "__class__",
    "substitution": "$(reboot)",
    "backticks": "`reboot`",
    "commands": "x; reboot && reboot | reboot\nreboot # rm -rf /",
    "quotes": "it's \"reboot\" \\'$(reboot)",
    "secret": "$(reboot)_token=1",
    "secret option": "--$(reboot)-token",
    "option": "--reboot=../../etc/x",
    "path": "../../etc/x",
    "absolute": "/../../etc/shadow",
    "escapes": "\x1b[31mred\x1b]0;title\x07\x9b2J\x08\r",
    "nul": "a\x00b",
    "marks": "\u202egpj.exe\u2066\u200b\ufeff\u2028",
    "ours": "\ue000x\ue001`reboot`",
    "surrogates": "\ud800x\udcff\udfff",
    "digit": "\u00b2",
    "number": "9" * 5000,
    "nan": "nan",
    "infinite": "1e999",
    "unit": "[Service]\nExecStart=$(reboot)\n",
    "yaml": "services: {x: {command: [a, !!python/object:os.system b, *c]}}",
}
LONG = {
    "lines": "a{b'c\"d$(e)`f`[g]\\h -i=j/k:l\n" * 40_000,
    "one word": "a" * (1 << 20),
    "digits": "9" * 100_000,
    "openings": "(" * 100_000,
    "nested": '{"a":' * 50_000,
    "blanks": " " * (1 << 20) + "x",
    "options": "--a " * 100_000,
}
NUMBERS = (0, -1, 1, 2**63)
# What stands in the files of a model may have any number of digits.
HUGE = 10**400
FLOATS = (0.0, -1.0, float(2**63), float("nan"), float("inf"), float("-inf"))
JUNK: tuple[Any, ...] = (None, True, -1, 1.5, "x", [], [None], {}, {"a": {}}, [[]], HUGE, "\ud800")

Spoil = Callable[[Any], Any]
# A letter that a terminal obeys, or that is half of one.
_BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\$`]|\\.)*\"|\\.", re.DOTALL)


def places(value: Any, place: str = "") -> Iterator[str]:
    """The places of all leaves of a fact, the elements of a list (and values under odd keys) under one name."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from places(getattr(value, each.name), f"{place}.{each.name}")
    elif isinstance(value, dict):
        yield f"{place}.<key>"
        for key, each in value.items():
            yield from places(each, f"{place}.{_name(key)}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from places(each, f"{place}.[]")
    else:
        yield place


def spoiled(value: Any, at: str, spoil: Spoil, place: str = "") -> Any:
    """The fact with every leaf at that place as ``spoil`` makes it."""
    if not at.startswith(place):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        below = {
            each.name: spoiled(getattr(value, each.name), at, spoil, f"{place}.{each.name}") for each in fields(value)
        }
        changed = replace(value, **below)
        return _consistent(changed) if isinstance(changed, TextFile) and at.endswith(".text") else changed
    if isinstance(value, dict):
        keyed = at == f"{place}.<key>"
        return {
            spoil(key) if keyed else key: spoiled(each, at, spoil, f"{place}.{_name(key)}")
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [spoiled(each, at, spoil, f"{place}.[]") for each in value]
    return spoil(value) if place == at else value


def _name(key: object) -> str:
    return key if isinstance(key, str) and key.isidentifier() else "*"


def _consistent(file: TextFile) -> TextFile:
    """With the digest that belongs to its text, so that it may be edited."""
    if file.sha256 is None:
        return file
    return replace(file, sha256=hashlib.sha256(file.text.encode("utf-8", "surrogatepass")).hexdigest())


Facts = tuple[Any, ...]


def every_field(cases: Iterable[Facts], spoils: Callable[[Any], Iterator[Spoil]]) -> Iterator[tuple[str, Facts]]:
    """Each place of the facts with each way to spoil it, the cases by turns. ``spoils`` is given the fact."""
    known = list(cases)
    where: dict[tuple[int, str], list[int]] = {}
    for number, facts in enumerate(known):
        for index, fact in enumerate(facts):
            for place in dict.fromkeys(places(fact)):
                where.setdefault((index, place), []).append(number)
    for (index, place), numbers in where.items():
        turns = cycle(numbers)
        for spoil in spoils(known[numbers[0]][index]):
            facts = known[next(turns)]
            fact = spoiled(facts[index], place, spoil)
            if fact != facts[index]:
                yield f"{type(fact).__name__}{place}", (*facts[:index], fact, *facts[index + 1 :])


def texts_and_numbers(fact: Any) -> Iterator[Spoil]:
    """Every text in place of a text, and behind or before it; every number in place of a number."""
    for number, text in enumerate(TEXTS.values()):
        yield _instead(str, text)
        yield _beside(text, behind=bool(number % 2))
    for whole in (*NUMBERS, *([HUGE] if isinstance(fact, Vocabulary) else [])):
        yield _instead(int, whole)
    for part in FLOATS:
        yield _instead(float, part)
    for said in (True, False):
        yield _instead(bool, said)


def long_texts(fact: Any) -> Iterator[Spoil]:
    """A mebibyte and the like in place of a text."""
    for text in LONG.values():
        yield _instead(str, text)


def _instead(kind: type, other: object) -> Spoil:
    return lambda value: other if type(value) is kind else value


def _beside(text: str, *, behind: bool) -> Spoil:
    return lambda value: (value + text if behind else text + value) if isinstance(value, str) else value


def left_out(cases: Iterable[Facts]) -> Iterator[tuple[str, Facts]]:
    """Each case with each part that may be missing gone: None where the type admits it, an empty list or table."""
    for facts in cases:
        for index, fact in enumerate(facts):
            for place, less in _less(fact, ""):
                yield f"{type(fact).__name__}{place}", (*facts[:index], less, *facts[index + 1 :])


def _less(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(type(value))
    for each in fields(value):
        at, now = f"{place}.{each.name}", getattr(value, each.name)
        if now is not None and type(None) in get_args(hints[each.name]):
            yield at, replace(value, **{each.name: None})
        if isinstance(now, (list, dict)) and now:
            yield at, replace(value, **{each.name: type(now)()})
        if is_dataclass(now):
            yield from ((below, replace(value, **{each.name: less})) for below, less in _less(now, at))
        elif isinstance(now, list) and now and is_dataclass(now[0]):
            for below, less in _less(now[0], f"{at}.[]"):
                yield below, replace(value, **{each.name: [less, *now[1:]]})


def junk(cases: Iterable[Facts]) -> Iterator[tuple[str, Facts]]:
    """Each case with whatever JSON can hold in each place of what others wrote (a container's record)."""
    for facts in cases:
        for index, fact in enumerate(facts):
            record = getattr(getattr(getattr(fact, "defined", None), "container", None), "record", None)
            for place, other in _junk(record, ""):
                container = replace(fact.defined.container, record=other if isinstance(other, dict) else {})
                odd = replace(fact, defined=replace(fact.defined, container=container))
                yield f"record{place}", (*facts[:index], odd, *facts[index + 1 :])


def _junk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from ((f"{place}.{key}", {**value, key: other}) for other in JUNK)
            yield from ((below, {**value, key: other}) for below, other in _junk(each, f"{place}.{key}"))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            for below, other in (*((f"{place}.[]", other) for other in JUNK), *_junk(each, f"{place}.[]")):
                yield below, [*value[:number], other, *value[number + 1 :]]


def has_its_words(said: Finding | Declined) -> None:
    """A finding or refusal fills its sentences, in both languages, and no command in them runs what a host said."""
    values = {"subject": said.subject, **said.evidence} if isinstance(said, Finding) else said.values
    for language in LANGUAGES:
        catalogue, words = Catalogue(language), Words(language)
        if _is_a_word_of_ours(said.code):
            assert catalogue.part(said.code, "summary", values), said.code
            catalogue.part(said.code, "advice", values)
        told = words.advice(said) if isinstance(said, Finding) else words.hint(said)
        for command in re.findall("`([^`]*)`", told.text):
            assert "reboot" not in _QUOTED.sub("", command.replace("--reboot", "")), (said.code, command)
        assert not _BAD.search(safe(told.text))


def _is_a_word_of_ours(code: str) -> bool:
    """Whether a code is in the catalogues; one made of a state that no collector gives is not."""
    try:
        return bool(Catalogue("en").template(code, "summary"))
    except KeyError:
        return False


def runs_nothing_else(command: str) -> None:
    """A command that can be pasted holds what a host said as words of it alone."""
    assert shlex.split(command)
    assert "reboot" not in _QUOTED.sub("", command.replace("--reboot", "")), command


def shown_safely(step: StepResult) -> None:
    """No output of a run with this step holds what a terminal obeys, and each that is JSON can be read."""
    run = runs.result(runs.host("localhost", HostStatus.UNFIXED, step))
    outs = {name: io.StringIO() for name in ("text", "verbose", "json", "jsonl", "junit", "html")}
    told = [
        Console(outs["text"], diff=True),
        Console(outs["verbose"], "zh", 2, diff=True),
        JsonReport(outs["json"]),
        JsonLines(outs["jsonl"]),
        JUnitReport(outs["junit"]),
        HtmlReport(outs["html"]),
    ]
    masker = Masker()
    for event in runs.events(run):
        for listener in told:
            masked(listener, masker)(event)
    texts = {name: out.getvalue() for name, out in outs.items()}
    document = json.loads(texts["json"], parse_constant=_no_constant)
    texts["markdown"] = markdown(document)
    for name, text in texts.items():
        found = _BAD.search(text)
        assert found is None, (name, text[max(0, found.start() - 60) : found.start() + 20])
    for line in texts["jsonl"].splitlines():
        json.loads(line, parse_constant=_no_constant)
    ElementTree.fromstring(texts["junit"])


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
