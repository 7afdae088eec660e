"""``group_vars/`` and ``host_vars/``: files, or folders of files, named after a group or host."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autoglm_fix.authored.problems import Position, Problem
from autoglm_fix.authored.variables import Layer
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import YamlMapping, is_empty, read_yaml

from .draft import Draft
from .model import LOCALHOST

SUFFIXES = (".yml", ".yaml", ".json")
FOLDERS = ("group_vars", "host_vars")
_DEEPEST = 20


@dataclass(frozen=True)
class Beside:
    """The variables of groups and of hosts from the files of one folder."""

    groups: Mapping[str, Layer] = field(default_factory=dict)
    hosts: Mapping[str, Layer] = field(default_factory=dict)


def read_beside(folder: Path, draft: Draft) -> Beside:
    """What lies in a folder's ``group_vars`` and ``host_vars`` for the draft's groups and hosts, and this machine."""
    of_groups, of_hosts = (folder / name for name in FOLDERS)
    hosts = {*draft.hosts, LOCALHOST}
    return Beside(_read_named(of_groups, draft.groups, draft), _read_named(of_hosts, hosts, draft))


def read_variables(file: Path, problems: list[Problem], keys: Keyring) -> Layer:
    """The variables of one file; none where it is empty, or after adding to ``problems``."""
    root = read_yaml(file, problems, keys, any_keys=True)
    if root is None or is_empty(root):
        return {}
    if not isinstance(root, YamlMapping):
        problems.append(root.at.problem("a file of variables is a mapping"))
        return {}
    return {entry.key: entry.value for entry in root.named(problems)}


def entries(folder: Path, problems: list[Problem]) -> list[Path]:
    """What lies in a folder, by name."""
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError as err:
        problems.append(Position(str(folder)).problem(f"cannot be read: {err.strerror}"))
        return []


def _read_named(folder: Path, named: Collection[str], draft: Draft) -> dict[str, Layer]:
    if not folder.is_dir():
        return {}
    found: dict[str, Layer] = {}
    for name, path in _chosen(folder, named, draft.problems).items():
        files = _below(path, draft.problems, 0) if path.is_dir() else [path]
        layers = [read_variables(file, draft.problems, draft.keys) for file in files]
        found[name] = {key: value for layer in layers for key, value in layer.items()}
    return found


def _chosen(folder: Path, named: Collection[str], problems: list[Problem]) -> dict[str, Path]:
    """The one entry of each name that counts: without an ending before one with, as Ansible looks them up."""
    chosen: dict[str, tuple[int, Path]] = {}
    for path in entries(folder, problems):
        endings = [""] + [suffix for suffix in SUFFIXES if path.name.endswith(suffix)]
        for ending in endings:
            name = path.name.removesuffix(ending)
            rank = ("", *SUFFIXES).index(ending)
            if name in named and path.exists() and (name not in chosen or rank < chosen[name][0]):
                chosen[name] = rank, path
    return {name: path for name, (_, path) in chosen.items()}


def _below(folder: Path, problems: list[Problem], depth: int) -> Iterable[Path]:
    """The files of a folder and of those in it, by name, without hidden ones, backups and other endings."""
    if depth > _DEEPEST:
        problems.append(Position(str(folder)).problem(f"folders are nested more than {_DEEPEST} deep here"))
        return
    for path in entries(folder, problems):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            if not path.suffix:
                yield from _below(path, problems, depth + 1)
        elif path.suffix in (*SUFFIXES, "") and path.is_file():
            yield path
