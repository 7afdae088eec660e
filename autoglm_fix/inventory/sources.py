"""Where inventories come from: files, folders of files, programs, or ``host1,host2,`` on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from autoglm_fix.authored.problems import Position, quoted, raise_if_any
from autoglm_fix.authored.vault import Keyring

from .addresses import not_a_host_name
from .draft import UNGROUPED, Draft
from .files import read_file
from .finish import finish
from .model import LOCAL_CONNECTION, LOCALHOST, Inventory
from .vars_files import FOLDERS, Beside, entries, read_beside

OPTION = "-i"
# In a folder of inventories these are something else, as in Ansible.
_IGNORED = (
    *(".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst"),
    *(".orig", ".cfg", ".retry"),
)
_NOT_INVENTORIES = (*FOLDERS, "vars_plugins")
_DEEPEST = 20


def load_inventory(
    sources: Sequence[str] = (), keys: Keyring | None = None, *, playbook_folder: Path | None = None
) -> Inventory:
    """The inventory of all sources together, later ones outranking earlier ones; without any: localhost.

    ``keys`` open what is encrypted. ``group_vars`` and ``host_vars`` are read from beside each source and from the
    ``playbook_folder``. Raises BadInput with everything that is wrong in any of them.
    """
    draft = Draft([], keys or Keyring())
    for source in sources or (f"{LOCALHOST},",):
        _read_source(source, draft)
    if not sources:
        draft.hosts[LOCALHOST].variables.update(LOCAL_CONNECTION)
    known: dict[str, Beside] = {}
    of_sources = [_beside(folder, draft, known) for folder in map(_folder_of, sources) if folder is not None]
    of_playbook = [] if playbook_folder is None else [_beside(playbook_folder, draft, known)]
    inventory = finish(draft, of_sources, of_playbook)
    raise_if_any(draft.problems)
    return inventory


def _beside(folder: Path, draft: Draft, known: dict[str, Beside]) -> Beside:
    """What lies beside a source, read once however often and in whatever spelling its folder is named."""
    place = os.path.realpath(folder)
    if place not in known:
        known[place] = read_beside(folder, draft)
    return known[place]


def _read_source(source: str, draft: Draft) -> None:
    path = _path(source)
    if _is_host_list(source):
        _read_host_list(source, draft)
    elif os.path.isdir(path):
        if not _read_folder(path, draft, 0):
            hint = "Files named *.txt, *.md, *.cfg and hidden ones are not read as such."
            draft.problems.append(Position(str(path)).problem("there is no inventory in this folder", hint))
    elif not os.path.exists(path):
        hint = f"For a host of this name write {quoted(source + ',')}." if not not_a_host_name(source) else ""
        draft.problems.append(Position(source).problem("there is no such file or folder", hint))
    else:
        read_file(path, draft)


def _path(source: str) -> Path:
    return Path(os.path.expanduser(source))


def _is_host_list(source: str) -> bool:
    # os.path, unlike Path, has an answer for names that no filesystem takes (a thousand hosts in a row).
    return "," in source and not os.path.exists(os.path.expanduser(source))


def _folder_of(source: str) -> Path | None:
    """The folder whose ``group_vars`` go with a source."""
    if _is_host_list(source):
        return None
    path = _path(source)
    return path if os.path.isdir(path) else path.parent


def _read_host_list(source: str, draft: Draft) -> None:
    draft.source = ""
    for piece in filter(None, (piece.strip() for piece in source.split(","))):
        draft.add_hosts(piece, UNGROUPED, Position(OPTION))


def _read_folder(folder: Path, draft: Draft, depth: int) -> bool:
    """Read all inventories in a folder, in the order of their names; whether there was any."""
    if depth > _DEEPEST:
        draft.problems.append(Position(str(folder)).problem(f"folders are nested more than {_DEEPEST} deep here"))
        return True
    before = len(draft.problems)
    found = False
    for path in entries(folder, draft.problems):
        if path.name.startswith(".") or path.name in _NOT_INVENTORIES or path.name.endswith(_IGNORED):
            continue
        if path.is_dir():
            found = _read_folder(path, draft, depth + 1) or found
        elif path.is_file() or path.is_symlink():
            read_file(path, draft, in_folder=True)
            found = True
    return found or len(draft.problems) > before
