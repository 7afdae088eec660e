"""``group_vars/`` and ``host_vars/`` beside an inventory: files, or folders of files, named after a group or host."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autoglm_fix.authored.problems import Position, Problem
from autoglm_fix.authored.variables import Authored, layer_of
from autoglm_fix.authored.yaml_source import YamlMapping, is_empty, parse_yaml, read_text

from .draft import Draft

SUFFIXES = (".yml", ".yaml", ".json")
FOLDERS = ("group_vars", "host_vars")


def read_beside(folder: Path, draft: Draft, problems: list[Problem]) -> None:
    """Add what lies in a folder's ``group_vars`` and ``host_vars`` for the groups and hosts of the draft."""
    for name, files in _files(folder / FOLDERS[0], draft.groups, problems):
        draft.group(name).beside.update(_read_all(files, problems))
    for name, files in _files(folder / FOLDERS[1], draft.hosts, problems):
        draft.host(name).beside.update(_read_all(files, problems))


def read_variables(file: Path, problems: list[Problem]) -> dict[str, Authored]:
    """The variables of one file; none where it is empty, or after adding to ``problems``."""
    text = read_text(file, problems)
    if text is None:
        return {}
    if text.startswith("$ANSIBLE_VAULT"):
        problems.append(Position(str(file), 1, 1).problem("vault-encrypted files are not available in this version"))
        return {}
    root = parse_yaml(text, str(file), problems)
    if root is None or is_empty(root):
        return {}
    if not isinstance(root, YamlMapping):
        problems.append(root.at.problem("a file of variables is a mapping"))
        return {}
    return dict(layer_of(root))


def entries(folder: Path, problems: list[Problem]) -> list[Path]:
    """What lies in a folder, by name, without hidden files and editors' backups."""
    try:
        listed = sorted(folder.iterdir())
    except OSError as err:
        problems.append(Position(str(folder)).problem(f"cannot be read: {err.strerror}"))
        return []
    return [path for path in listed if not path.name.startswith(".") and not path.name.endswith(("~", ".orig", ".bak"))]


def _files(folder: Path, names: Iterable[str], problems: list[Problem]) -> Iterable[tuple[str, list[Path]]]:
    if not folder.is_dir():
        return
    found: dict[str, list[Path]] = {}
    for path in entries(folder, problems):
        if path.is_dir():
            found.setdefault(path.name, []).extend(_below(path, problems))
        else:
            name = path.name[: -len(path.suffix)] if path.suffix in SUFFIXES else path.name
            found.setdefault(name, []).append(path)
    known = set(names)
    yield from ((name, files) for name, files in found.items() if name in known)


def _below(folder: Path, problems: list[Problem]) -> Iterable[Path]:
    for path in entries(folder, problems):
        if path.is_dir():
            yield from _below(path, problems)
        elif path.suffix in (*SUFFIXES, ""):
            yield path


def _read_all(files: Iterable[Path], problems: list[Problem]) -> dict[str, Authored]:
    merged: dict[str, Authored] = {}
    for file in files:
        merged.update(read_variables(file, problems))
    return merged
