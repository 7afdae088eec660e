"""A playbook file, read and checked whole: everything that is wrong with it is said at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from autoglm_fix.authored.problems import Position, Problem, did_you_mean, quoted, raise_if_any
from autoglm_fix.authored.variables import Variables
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import YamlMapping, YamlNode, YamlSequence, read_yaml

from .extra_vars import OPTION, ExtraVars
from .model import Play, Playbook
from .plays import PlaybookReader
from .preflight import check_play
from .references import SPECIAL, entries_of, registrations, uses
from .vocabulary import Vocabulary, shipped


@dataclass(frozen=True)
class Reading:
    """A playbook file as far as it could be read, and all that is wrong with it."""

    root: YamlNode | None
    plays: tuple[Play, ...]
    problems: list[Problem]


def load_playbook(
    path: Path,
    vocabulary: Vocabulary | None = None,
    *,
    extra: ExtraVars | None = None,
    outside: Collection[str] | None = frozenset(),
    keys: Keyring | None = None,
) -> Playbook:
    """The playbook of a file. Raises BadInput with all that is wrong with it.

    ``outside`` are the names that the inventory defines; None where there is no knowing them, and
    undefined names are then no mistake. ``keys`` open encrypted values and files of variables.
    """
    reading = read_playbook(path, vocabulary or shipped(), extra or ExtraVars(), outside, keys)
    raise_if_any(reading.problems)
    return Playbook(path, reading.plays)


def read_playbook(
    path: Path,
    vocabulary: Vocabulary,
    extra: ExtraVars,
    outside: Collection[str] | None,
    keys: Keyring | None = None,
) -> Reading:
    """What ``load_playbook`` reads, mistakes and all."""
    problems: list[Problem] = []
    keys = keys or Keyring()
    root = read_yaml(path, problems, keys)
    if root is None:
        return Reading(None, (), problems)
    plays = PlaybookReader(path, vocabulary, extra, outside, problems, keys).read(root)
    for play in plays:
        problems.extend(check_play(play, Variables([play.vars], over=[play.extra]), complete=False))
    if outside is not None:
        _check_extra(extra, root, plays, outside, problems)
    return Reading(root, plays, problems)


def plays_in(root: YamlNode) -> list[YamlMapping]:
    """The plays of a playbook as written; whatever else is in it is left out."""
    items = root.items if isinstance(root, YamlSequence) else ()
    return [item for item in items if isinstance(item, YamlMapping)]


def names_in(root: YamlNode) -> Collection[str]:
    """All names that the templates of a playbook look up."""
    return {
        name
        for play in plays_in(root)
        for mapping in (play, *entries_of(play, "steps"), *entries_of(play, "verify"))
        for use in uses(mapping)
        for name in use.template.names
    }


def _check_extra(
    extra: ExtraVars, root: YamlNode, plays: Collection[Play], outside: Collection[str], problems: list[Problem]
) -> None:
    """A misspelt ``-e`` changes nothing and says nothing, unless somebody looks."""
    used = set(names_in(root))
    for play in plays:
        used.update(play.vars)
        used.update(name for value in play.vars.values() for name in Variables().names_behind(value))
    known = {*used, *outside, *SPECIAL, "service", "services"} - {
        name for play in plays_in(root) for name in registrations(play)
    }
    for name in sorted(extra.typed_by_hand - known):
        if not name.startswith("ansible_"):
            hint = did_you_mean(name, known - SPECIAL, nouns="variables")
            problems.append(Position(OPTION).problem(f"nothing uses the variable {quoted(name)}", hint))
