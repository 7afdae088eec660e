"""Where inventories come from: a file, a folder of files, or ``host1,host2,`` on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from autoglm_fix.authored.problems import Position, Problem, quoted, raise_if_any
from autoglm_fix.authored.yaml_source import parse_yaml, read_text

from .draft import ALL, Draft
from .model import LOCALHOST, Inventory
from .ranges import BadRange, expand
from .vars_files import FOLDERS, SUFFIXES, entries, read_beside
from .yaml_groups import not_a_host_name, read_groups

OPTION = "-i"
_YAML_ONLY = "This version reads inventories in YAML."


def load_inventory(sources: Sequence[str] = ()) -> Inventory:
    """The inventory of all sources together, later ones outranking earlier ones; without any: localhost.

    Raises BadInput with everything that is wrong in any of them.
    """
    draft = Draft()
    problems: list[Problem] = []
    for source in sources or (f"{LOCALHOST},",):
        _read_source(source, draft, problems)
    inventory = draft.finish(problems)
    raise_if_any(problems)
    return inventory


def _read_source(source: str, draft: Draft, problems: list[Problem]) -> None:
    # os.path, unlike Path, has an answer for names that no filesystem takes (a thousand hosts in a row).
    path = Path(os.path.expanduser(source))
    if "," in source and not os.path.exists(path):
        _read_host_list(source, draft, problems)
    elif os.path.isdir(path):
        _read_folder(path, draft, problems)
    elif not os.path.exists(path):
        hint = f"For a host of this name write {quoted(source + ',')}." if not not_a_host_name(source) else ""
        problems.append(Position(source).problem("there is no such file or folder", hint))
    else:
        _read_file(path, draft, problems)
        read_beside(path.parent, draft, problems)


def _read_host_list(source: str, draft: Draft, problems: list[Problem]) -> None:
    for piece in filter(None, (piece.strip() for piece in source.split(","))):
        try:
            names = expand(piece)
        except BadRange as err:
            problems.append(Position(OPTION).problem(f"{quoted(piece)}: {err}"))
            continue
        if why := not_a_host_name(names[0]):
            problems.append(Position(OPTION).problem(f"{quoted(piece)} is no name of a host: {why}"))
            continue
        for name in names:
            draft.group(ALL).hosts[name] = None
            draft.host(name)


def _read_folder(folder: Path, draft: Draft, problems: list[Problem]) -> None:
    files = [path for path in entries(folder, problems) if path.name not in FOLDERS]
    readable = [path for path in files if path.suffix in SUFFIXES or not path.suffix]
    if not readable and not problems:
        problems.append(Position(str(folder)).problem("there is no inventory in this folder", _YAML_ONLY))
    for path in readable:
        if path.is_dir():
            _read_folder(path, draft, problems)
        else:
            _read_file(path, draft, problems)
    read_beside(folder, draft, problems)


def _read_file(path: Path, draft: Draft, problems: list[Problem]) -> None:
    text = read_text(path, problems)
    if text is None:
        return
    first = next((line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;"), "")
    if text.startswith("#!") or (first.startswith("[") and first.endswith("]")) or path.suffix == ".ini":
        kind = "a script" if text.startswith("#!") else "an INI file"
        problems.append(Position(str(path), 1, 1).problem(f"this inventory is {kind}", _YAML_ONLY))
        return
    root = parse_yaml(text, str(path), problems)
    if root is not None:
        read_groups(root, draft, problems)
