"""The ``%`` specifiers in the settings of systemd's units, after systemd.unit(5) of systemd 252, 2026-11-22."""

from __future__ import annotations

import os
import re


def specified(text: str, names: dict[str, str]) -> str:
    """The text with its ``%`` specifiers filled; one that we do not know stays as it is."""
    return re.sub(r"%(.)", lambda found: "%" if found[1] == "%" else names.get(found[1], found[0]), text)


def specifiers(name: str) -> dict[str, str]:
    """What each stands for in the unit of that name, run by root as services of the system are."""
    whole = name[: -len(".service")]
    prefix, at, instance = whole.partition("@")
    prefix = prefix if at else whole
    return {
        "n": name,
        "N": whole,
        "p": prefix,
        "P": unescaped(prefix),
        "j": prefix.rpartition("-")[2],
        "i": instance,
        "I": unescaped(instance),
        "f": "/" + unescaped(instance or prefix).lstrip("/"),
        "H": os.uname().nodename,
        "l": os.uname().nodename.partition(".")[0],
        "v": os.uname().release,
        "h": "/root",
        "u": "root",
        "U": "0",
        "g": "root",
        "G": "0",
        "s": "/bin/bash",
        "t": "/run",
        "S": "/var/lib",
        "C": "/var/cache",
        "L": "/var/log",
        "E": "/etc",
        "T": "/tmp",
        "V": "/var/tmp",
    }


def unescaped(name: str) -> str:
    """The path that an instance's name stands for (``%I``)."""
    plain = name.replace("-", "/")
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), plain)
