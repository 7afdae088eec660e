"""The services that systemd has, and those whose names are like another."""

from __future__ import annotations

import glob
import os
from difflib import get_close_matches

from .unit import PATHS


def files() -> dict[str, str]:
    """The services that have a file, but systemd's own: their names, and the file that counts."""
    found: dict[str, str] = {}
    for folder in PATHS:
        for path in glob.glob(folder + "/*.service"):
            if not os.path.basename(path).startswith("systemd-"):
                found.setdefault(os.path.basename(path), path)
    return found


def of_users(name: str) -> list[str]:
    """The files of a unit of that name that users' own systemds have."""
    folders = ("/home/*/.config/systemd/user", "/root/.config/systemd/user", "/etc/systemd/user")
    return [path for folder in folders for path in sorted(glob.glob(f"{folder}/{glob.escape(name)}"))]


def near(name: str) -> list[str]:
    """Units that are there and have a name like that."""
    there = set(files())
    stem = name[: -len(".service")].lower()
    close = get_close_matches(name, sorted(there), 3, 0.75)
    return list(dict.fromkeys([*close, *sorted(each for each in there if stem in each.lower())]))[:5]
