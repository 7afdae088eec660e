"""What kind of inventory a file is, found as Ansible does: a program, else YAML or JSON, else INI."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from autoglm_fix.authored.problems import Position, Problem
from autoglm_fix.authored.yaml_source import YamlMapping, YamlNode, parse_yaml, read_text

from .draft import Draft
from .ini import read_ini
from .plain_values import node_of, too_deep
from .script import NotAProgram, read_script
from .vars_files import SUFFIXES
from .yaml_groups import read_groups

_YAML_BEGINS = re.compile(r"---|[-?] |[{%]|[^\[\]=#]*:(\s|$)")
_NOT_EXECUTABLE = "Make it executable (chmod +x) to have it run."
_TOML = "Write it in YAML or INI, or let 'ansible-inventory -i FILE --list --yaml --export > hosts.yml' do that."


def read_file(path: Path, draft: Draft, *, in_folder: bool = False) -> None:
    """Add what a file says to the draft. In a folder of inventories an empty one says nothing, and that is fine."""
    draft.source = str(path)
    if path.suffix == ".toml":
        draft.problems.append(Position(str(path)).problem("inventories in TOML are not read", _TOML))
        return
    if os.access(path, os.X_OK) and path.is_file():
        try:
            read_script(path, draft)
            return
        except NotAProgram:
            # Everything on some filesystems is marked as executable.
            pass
    text = read_text(path, draft.problems, draft.keys)
    if text is None:
        return
    if text.startswith("#!"):
        draft.problems.append(Position(str(path), 1, 1).problem("this inventory is a program", _NOT_EXECUTABLE))
    elif not (in_folder and not _first_line(text)):
        _read_text(text, path, draft)


def _read_text(text: str, path: Path, draft: Draft) -> None:
    problems: list[Problem] = []
    first = _first_line(text)
    may_be_yaml = path.suffix in (*SUFFIXES, "")
    root = _parsed(text, path, problems, draft) if may_be_yaml and first else None
    if isinstance(root, YamlMapping):
        draft.problems += problems
        read_groups(root, draft)
        return
    if not first:
        read_groups(node_of(None, Position(str(path), 1, 1)), draft)
        return
    before = len(draft.problems)
    read_ini(text, str(path), draft)
    meant_as_yaml = path.suffix in SUFFIXES or (may_be_yaml and _YAML_BEGINS.match(first))
    if len(draft.problems) > before and meant_as_yaml:
        draft.problems[before:] = problems
        if root is not None:
            read_groups(root, draft)


def _parsed(text: str, path: Path, problems: list[Problem], draft: Draft) -> YamlNode | None:
    """The file as YAML. JSON has a few spellings that YAML lacks, and is then read as what it is."""
    root = parse_yaml(text, str(path), problems, draft.keys, any_keys=True)
    if root is None and text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return root
        if too_deep(value):
            return root
        problems.clear()
        return node_of(value, Position(str(path), 1, 1), "", draft.keys)
    return root


def _first_line(text: str) -> str:
    """The first line that says something."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and line[0] not in "#;"), "")
