"""The sources of a module of this agent and of all that it imports from the agent.

They come from whatever loaded the agent itself, files or memory, so that they can travel on into
another Python.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from typing import Callable

# Read by pattern: parsing every module would take a tenth of a second of each run.
_FROM = re.compile(r"^([ \t]*)from (\.+)([\w.]*) import (?:\(([^)]*)\)|([^(#\n]+))", re.MULTILINE)


def with_imports(*names: str, later: bool = True, lean: Callable[[str], str] = str) -> dict[str, str]:
    """These modules and what they import relatively, by full name; without ``later`` only at their top.

    ``lean`` takes out of a source what need not travel, imports too. Packages go by ``package.__init__``, as the
    importer from memory takes them; those above a module are empty unless a name that they define themselves
    is imported.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        read = _read(name)
        if read is None:
            raise ImportError(f"no module {name} in the agent")
        source, package = lean(read[0]), read[1]
        found[name + ".__init__" if package else name] = source
        waiting += _imported(name, source, package, later)
    for name in seen:
        parts = name.split(".")
        for count in range(1, len(parts)):
            found.setdefault(".".join(parts[:count]) + ".__init__", "")
    # What is alike stands together, since packing looks back no further than 32 KiB.
    return dict(sorted(found.items(), key=lambda each: (each[0].rpartition(".")[0], len(each[1]))))


@functools.lru_cache(maxsize=None)
def _read(name: str) -> tuple[str, bool] | None:
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:  # its parent is a module, no package; or it was not sent
        return None
    except ValueError:  # loaded before there was an importer, and so without a spec
        specs = (finder.find_spec(name, None) for finder in sys.meta_path)
        spec = next((each for each in specs if each is not None), None)
    if spec is None or spec.loader is None:
        return None
    read = getattr(spec.loader, "get_source", None)
    return (read(name) if read else None) or "", spec.submodule_search_locations is not None


def _imported(name: str, source: str, package: bool, later: bool) -> list[str]:
    names: list[str] = []
    parts = name.split(".")
    for found in _FROM.finditer(source):
        if found[1] and not later:
            continue
        above = len(found[2]) - 1 if package else len(found[2])
        base = ".".join(parts[: len(parts) - above])
        if found[3]:
            base += "." + found[3]
        for alias in (found[4] or found[5]).split(","):
            if alias.strip():
                below = base + "." + alias.split()[0]
                names.append(below if _read(below) is not None else base)
    return names
