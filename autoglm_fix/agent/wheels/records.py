"""Which files belong to which distribution, by the lists that installers leave."""

from __future__ import annotations

import csv
import os
from typing import Any, Iterable

from ..installed.distributions import normal

_KINDS = (".dist-info", ".egg-info", ".egg")


def infos(site: str) -> dict[str, list[str]]:
    """The metadata folders and files below ``site``: by normal name, the paths of all that bear it."""
    found: dict[str, list[str]] = {}
    for name in sorted(os.listdir(site)):
        stem, end = os.path.splitext(name)
        if end in _KINDS and not name.startswith(("~", ".")):
            found.setdefault(normal(stem.partition("-")[0]), []).append(os.path.join(site, name))
    return found


def version_of(info: str) -> str:
    """The version in the name of a metadata folder or file, empty where there is none."""
    stem = os.path.splitext(os.path.basename(info))[0]
    return stem.partition("-")[2].partition("-py")[0]


def files_of(site: str, info: str) -> list[str] | None:
    """The files of a distribution as its list says, its metadata included; None where there is no list."""
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8", errors="replace", newline="") as source:
            listed = [line[0] for line in csv.reader(source) if line]
        base = site
    except (FileNotFoundError, NotADirectoryError):
        try:
            with open(os.path.join(info, "installed-files.txt"), encoding="utf-8", errors="replace") as source:
                listed = source.read().splitlines()
            base = info
        except (FileNotFoundError, NotADirectoryError):
            return None
    found = [os.path.normpath(os.path.join(base, path)) for path in listed if path.strip()]
    return list(dict.fromkeys([*found, *below(info)]))


def below(path: str) -> list[str]:
    """A file itself, or all files below a folder; links are not followed."""
    if os.path.islink(path) or not os.path.isdir(path):
        return [path] if os.path.lexists(path) else []
    found = []
    for folder, folders, files in os.walk(path):
        found += [os.path.join(folder, name) for name in files]
        found += [os.path.join(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))]
    return found


def claims(site: str, staying: Iterable[str]) -> dict[str, str]:
    """The files of distributions: path -> the name of one that has it."""
    found: dict[str, str] = {}
    for info in staying:
        name = os.path.basename(info).partition("-")[0]
        for path in files_of(site, info) or below(info):
            found[path] = name
    return found


def compiled(paths: Iterable[str]) -> list[str]:
    """What Python has compiled of these sources and still lies beside them."""
    by_folder: dict[str, set[str]] = {}
    for path in paths:
        if path.endswith(".py"):
            by_folder.setdefault(os.path.dirname(path), set()).add(os.path.basename(path)[: -len(".py")])
    found = []
    for folder, stems in by_folder.items():
        cache = os.path.join(folder, "__pycache__")
        try:
            names = os.listdir(cache)
        except (FileNotFoundError, NotADirectoryError):
            continue
        found += [os.path.join(cache, name) for name in names if name.partition(".")[0] in stems]
    return found


def moved_on(site: str, pins: Iterable[dict[str, Any]]) -> str | None:
    """Why the environment is not the one that was planned on, or None."""
    there = infos(site)
    for pin in pins:
        names = [os.path.basename(info) for info in there.get(normal(pin["name"]), ())]
        if not pin["info"] and names:
            return f"{pin['name']} {version_of(names[0])} has been installed since"
        if pin["info"] and pin["info"] not in names:
            now = f"is {version_of(names[0])}" if names else "is gone"
            return f"{pin['name']} {now} by now, and not {pin['before']}"
    return None
