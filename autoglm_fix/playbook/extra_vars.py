"""``-e``: ``name=value``, a JSON or YAML mapping, or ``@file``. They outrank all other variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoglm_fix.authored.problems import Position, Problem, quoted, raise_if_any
from autoglm_fix.authored.templating import NO, YES
from autoglm_fix.authored.variables import Authored, Layer
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import (
    Atom,
    Value,
    YamlMapping,
    YamlScalar,
    YamlSequence,
    is_empty,
    parse_yaml,
    plain,
    read_yaml,
)

from .vars import NAME

OPTION = "-e"
_ASSIGNMENT = re.compile(rf"({NAME.pattern})=(.*)", re.DOTALL)
_FORMS = "Write -e name=value, -e '{\"name\": ...}' or -e @file."


@dataclass(frozen=True)
class ExtraVars:
    """Variables from the command line.

    ``values`` hold what files said, templates included, and plain values for the rest. ``texts`` are
    the names that came as ``name=value``: their values are text until a play says what it takes.
    ``typed_by_hand`` are the names that stood on the command line itself.
    """

    values: Layer = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    typed_by_hand: frozenset[str] = frozenset()

    def for_play(self, own: Layer, problems: list[Problem]) -> Layer:
        """The values with each ``name=value`` as the type of the play's own variable of that name."""
        fitted = dict(self.values)
        for name in self.texts & own.keys():
            default, text = own[name], self.values[name]
            if isinstance(text, str):
                fitted[name] = _like(name, text, default, problems)
        return fitted


def parse_extra_vars(options: Sequence[str], keys: Keyring | None = None) -> ExtraVars:
    """All ``-e`` together, later ones outranking earlier ones; ``keys`` open encrypted files. Raises BadInput."""
    problems: list[Problem] = []
    values: dict[str, Authored] = {}
    texts: set[str] = set()
    by_hand: set[str] = set()
    for option in options:
        found = _read(option.strip(), problems, keys or Keyring())
        values.update(found)
        is_file = option.lstrip().startswith("@")
        is_text = not is_file and not option.lstrip().startswith("{")
        texts = texts | found.keys() if is_text else texts - found.keys()
        by_hand = by_hand - found.keys() if is_file else by_hand | found.keys()
    raise_if_any(problems)
    return ExtraVars(values, frozenset(texts), frozenset(by_hand))


def _read(option: str, problems: list[Problem], keys: Keyring) -> Mapping[str, Authored]:
    if option.startswith("@"):
        return _read_file(option[1:], problems, keys)
    if option.startswith("{"):
        root = parse_yaml(option, OPTION, problems)
        if isinstance(root, YamlMapping):
            return {key: plain(entry.value) for key, entry in root.entries.items()}
        return {}
    return _read_assignments(option, problems)


def _read_file(name: str, problems: list[Problem], keys: Keyring) -> Layer:
    root = read_yaml(name, problems, keys)
    if root is None or is_empty(root):
        return {}
    if not isinstance(root, YamlMapping):
        problems.append(root.at.problem("a file of variables is a mapping"))
        return {}
    return {key: entry.value for key, entry in root.entries.items()}


def _read_assignments(option: str, problems: list[Problem]) -> Mapping[str, str]:
    """``a=1 b='x y'`` is two variables, ``prompt=hello world`` is one: what is no assignment belongs to the value."""
    try:
        words = shlex.split(option)
    except ValueError:  # a quote without its other half is part of a sentence
        words = []
    found = [_ASSIGNMENT.fullmatch(word) for word in words]
    if not found or not all(found):
        found = [_ASSIGNMENT.fullmatch(option)]
    if found[0] is None:
        name = option.partition("=")[0]
        what = f"{quoted(name)} is no name of a variable" if "=" in option else f"{quoted(option)} sets no variable"
        problems.append(Position(OPTION).problem(what, _FORMS))
    return {each[1]: each[2] for each in found if each is not None}


def _like(name: str, text: str, default: Authored, problems: list[Problem]) -> Value:
    """A text as the type of a default. Text stays text, also where the default's type can't be said."""
    if isinstance(default, YamlSequence):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, YamlMapping):
        problems.append(_misfit(name, "a mapping", text, f"Write -e '{{\"{name}\": {{...}}}}'."))
        return plain(default)
    if not isinstance(default, YamlScalar):
        return text
    return _like_atom(name, text, default.value, problems)


def _like_atom(name: str, text: str, default: Atom, problems: list[Problem]) -> Atom:
    """A text as the type of one value; where it does not fit the default, lest one mistake make two problems."""
    word = text.strip().lower()
    if isinstance(default, bool):
        if word in YES or word in NO:
            return word in YES
        problems.append(_misfit(name, "true or false", text))
        return default
    if isinstance(default, int) and re.fullmatch(r"[+-]?\d+", word):
        return int(word)
    if isinstance(default, (int, float)):
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", word):
            return float(word)
        problems.append(_misfit(name, "a number", text))
        return default
    return text


def _misfit(name: str, wanted: str, text: str, hint: str = "") -> Problem:
    return Position(OPTION).problem(f"{quoted(name)} is {wanted} in the playbook, not {quoted(text)}", hint)
