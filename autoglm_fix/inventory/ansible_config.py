"""ansible.cfg: what a fleet's folder says of the way to its hosts below its inventory. Found where Ansible finds it."""

from __future__ import annotations

import datetime
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from autoglm_fix.authored.problems import BadInput, Position, Problem, quoted
from autoglm_fix.authored.templating import has_templates
from autoglm_fix.authored.variables import Authored, Layer
from autoglm_fix.authored.yaml_source import YamlScalar

from .route_names import BECOME_METHODS

_NAME = "ansible.cfg"
_SYSTEM = "/etc/ansible/ansible.cfg"
_YES, _NO = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")
_ASKED = ("user", "key_file", "become_method", "become_user")


@dataclass(frozen=True)
class _Heeded:
    """A setting that is followed: the option or variable that says the same."""

    section: str
    name: str
    env: str
    to: str
    path: bool = False


@dataclass(frozen=True)
class _Missed:
    """A setting that is not followed, and what to say instead."""

    section: str
    name: str
    instead: str
    of: Literal["hosts", "inventory"] = "hosts"
    harmless: tuple[str, ...] = ()
    unless: str = ""


@dataclass(frozen=True)
class _Known:
    """The table of settings."""

    source: str
    date: datetime.date
    heeded: tuple[_Heeded, ...]
    missed: tuple[_Missed, ...]


@dataclass(frozen=True)
class Note:
    """A setting that is not followed. ``unless`` is the option of the command line that says the same."""

    problem: Problem
    of: str
    unless: str


@dataclass(frozen=True)
class AnsibleConfig:
    """What is followed of an ansible.cfg and of ANSIBLE_ variables, which outrank it.

    ``user`` and its like are as options of the command line, and rank below them; ``variables`` are as those of an
    inventory, and rank below all of it; ``vault`` goes by the names of ANSIBLE_ variables.
    """

    user: str = ""
    key_file: str = ""
    become: bool = False
    become_method: str = ""
    become_user: str = ""
    variables: Layer = field(default_factory=dict)
    vault: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def said(self, given: Collection[str], *, hosts: bool) -> list[Problem]:
        """What is worth knowing of it, with these options given. ``hosts``: some are going to be contacted."""
        return [note.problem for note in self.notes if (hosts or note.of == "inventory") and note.unless not in given]


def ansible_config(environment: Mapping[str, str] = os.environ) -> AnsibleConfig:
    """What ansible.cfg and the environment say. Raises BadInput where the file cannot be read."""
    file, notes = _found(environment)
    if file is None and not any(name.startswith("ANSIBLE_") for name in environment):
        return AnsibleConfig(notes=notes)
    from autoglm_fix.knowledge import table

    known = table("ansible_settings", _Known)
    text = _File(file) if file is not None else None
    words: dict[str, str] = {}
    variables: dict[str, Authored] = {}
    vault: dict[str, str] = {}
    for row in known.heeded:
        value, at = _value(row, text, environment)
        if not value:
            continue
        if row.to == "vault":
            vault[row.env] = value
        elif row.to == "become_method" and value.rpartition(".")[2] not in BECOME_METHODS:
            problem = at.problem(f"{quoted(row.name)} is not followed", f"There are {', '.join(BECOME_METHODS)}.")
            notes += (Note(problem, "hosts", "become_method"),)
        elif row.to == "become" and value.lower() not in (*_YES, *_NO):
            raise BadInput([at.problem(f"{quoted(row.name)} takes true or false, not {quoted(value)}")])
        elif row.to in (*_ASKED, "become"):
            words[row.to] = value
        else:
            variables[row.to] = YamlScalar(value, at)
    if text is not None:
        notes += tuple(text.missed(known.missed))
    return AnsibleConfig(
        user=words.get("user", ""),
        key_file=words.get("key_file", ""),
        become_method=words.get("become_method", ""),
        become_user=words.get("become_user", ""),
        become=words.get("become", "").lower() in _YES,
        variables=variables,
        vault=vault,
        notes=notes,
    )


def _value(row: _Heeded, text: _File | None, environment: Mapping[str, str]) -> tuple[str, Position]:
    """The value of a setting, empty where there is none, and where it is written. A variable outranks the file."""
    said = environment.get(row.env, "").strip()
    if said:
        return (os.path.abspath(_expanded(said)) if row.path else said), Position(row.env)
    if text is None:
        return "", Position("")
    value, at = text.value(row.section, row.name), text.place(row.section, row.name)
    if has_templates(value.replace("{{CWD}}", "")):
        raise BadInput([at.problem(f"{quoted(row.name)} has a template in it, which nothing fills in here")])
    return (text.path(value) if row.path and value else value), at


def _found(environment: Mapping[str, str]) -> tuple[str | None, tuple[Note, ...]]:
    """The first file that exists, which is the one that counts; and a note on one that is passed over."""
    named = environment.get("ANSIBLE_CONFIG")
    notes: tuple[Note, ...] = ()
    places = []
    if named is not None:
        place = os.path.abspath(_expanded(named))
        places.append(os.path.join(place, _NAME) if os.path.isdir(place) else place)
    if not _open_to_all():
        places.append(_NAME)
    elif os.path.exists(_NAME) and not (places and os.access(places[0], os.R_OK)):
        hint = f"Name it with ANSIBLE_CONFIG={_NAME}, or take that right away: chmod o-w ."
        problem = Position(_NAME).problem("not read: everybody may write to this folder", hint)
        notes = (Note(problem, "inventory", ""),)
    places += [os.path.expanduser(f"~/.{_NAME}"), _SYSTEM]
    return next((each for each in places if os.path.exists(each) and os.access(each, os.R_OK)), None), notes


def _open_to_all() -> bool:
    """Whether anybody may write to the current folder, and so plant an ansible.cfg there."""
    try:
        return bool(os.stat(".").st_mode & stat.S_IWOTH)
    except OSError:
        return True


def _expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))


class _File:
    """One ansible.cfg, with the places of its settings."""

    def __init__(self, file: str) -> None:
        import configparser

        self._file = file
        self._parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None)
        try:
            self._text = Path(file).read_text("utf-8")
            self._parser.read_string(self._text)
        except (OSError, UnicodeDecodeError) as err:
            raise BadInput([Position(file).problem(f"cannot be read: {err}")]) from err
        except configparser.Error as err:
            line = getattr(err, "lineno", None) or next((each[0] for each in getattr(err, "errors", ())), 0)
            problem = Position(file, line, 1 if line else 0).problem("this is no line of an ansible.cfg")
            raise BadInput([problem]) from err

    def value(self, section: str, name: str) -> str:
        """A setting, empty where there is none."""
        said = self._parser.get(section, name, fallback="").strip()
        quotes = len(said) > 1 and said[0] == said[-1] and said[0] in "\"'" and said[-2] != "\\"
        return said[1:-1] if quotes else said

    def place(self, section: str, name: str) -> Position:
        """Where it stands."""
        inside = False
        for number, line in enumerate(self._text.splitlines(), start=1):
            if head := re.match(r"\[(.+)\]", line):
                inside = head[1] == section
            elif inside and re.match(rf"\s*{re.escape(name)}\s*[=:]", line, re.IGNORECASE):
                return Position(self._file, number, len(line) - len(line.lstrip()) + 1)
        return Position(self._file)

    def path(self, value: str) -> str:
        """A path as the file means it: seen from its folder."""
        value = _expanded(value.replace("{{CWD}}", os.getcwd()))
        return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(self._file)), value))

    def missed(self, rows: tuple[_Missed, ...]) -> Iterator[Note]:
        """What it sets that nobody follows here."""
        for row in rows:
            value = self.value(row.section, row.name)
            if value and value.lower() not in row.harmless:
                paths = [os.path.relpath(self.path(each.strip())) for each in value.split(",") if each.strip()]
                said = row.instead.replace("{value}", value).replace("{path}", " -i ".join(paths))
                problem = self.place(row.section, row.name).problem(f"{quoted(row.name)} is not followed", said)
                yield Note(problem, row.of, row.unless)
