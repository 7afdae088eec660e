"""Distributions in the forms that came before dist-info: an egg's folder, a file, a link to a checkout."""

from __future__ import annotations

import os
import re

from .distributions import Distribution, parse, read_head

_SECTION = re.compile(r"\[([^\]:]*)(?::([^\]]*))?\]\s*\Z")


def read_egg(place: str, shown: str, name: str) -> Distribution | None:
    """The distribution behind that name, None where it is none (a link whose folder .pth files bring in)."""
    if name.endswith(".egg-link"):
        return None  # its checkout stands on the path, with an egg-info of its own
    location, folder = os.path.join(shown, name), os.path.join(place, name)
    if name.endswith(".egg"):
        folder = os.path.join(folder, "EGG-INFO")
    by_name, _, version = name.rpartition(".")[0].partition("-")
    whole = os.path.isdir(folder)
    try:
        header = parse(read_head(os.path.join(folder, "PKG-INFO") if whole else folder))
    except FileNotFoundError:
        return Distribution(by_name, version.partition("-")[0], location, problem="no-metadata")
    except OSError:
        return Distribution(by_name, version.partition("-")[0], location, problem="unreadable")
    requires = header.requires
    if whole and not requires:
        requires = _requires(os.path.join(folder, "requires.txt"))
    return Distribution(
        header.name or by_name,
        header.version or version.partition("-")[0],
        location,
        requires,
        header.requires_python,
        header.extras,
        problem="" if header.version else "no-version",
    )


def _requires(path: str) -> list[str]:
    """requires.txt as lines in today's form: its sections are extras and markers."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            lines = source.read(1 << 18).splitlines()
    except OSError:
        return []
    found: list[str] = []
    condition = ""
    for line in lines:
        line = line.strip()
        section = _SECTION.match(line)
        if section:
            parts = [f"extra == '{section[1]}'"] if section[1] else []
            parts += [f"({section[2]})"] if section[2] else []
            condition = " and ".join(parts)
        elif line and not line.startswith("#"):
            found.append(f"{line} ; {condition}" if condition else line)
    return found
