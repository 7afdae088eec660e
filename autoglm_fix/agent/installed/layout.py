"""Where a Python finds its distributions: what its start would put on ``sys.path``, worked out from its files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from ..reach import Reach, Who
from ..unknown import CannotTell
from .distributions import start_of

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MINOR = re.compile(r"(?:python|pypy)(3\.\d+)(t?)(?:-\w+)?\Z")
_HEADER = re.compile(r'#define\s+PY_VERSION\s+"([^"+]+)')
_STAGES = {"alpha": "a", "beta": "b", "candidate": "rc"}
_MOST_LINKS = 20
_MOST_OF_A_TEXT = 1 << 16


@dataclass
class Layout:
    """A Python and its folders, as the service sees them.

    ``settings`` is what pyvenv.cfg says, empty for a Python that has none. ``library`` is the name of its
    folder below ``lib`` ("python3.11"). ``made_for`` is that of another Python, where the environment was
    made for one and its interpreter is now another. ``version`` is empty where only the binary tells.
    """

    python: str
    binary: str
    prefix: str
    base: str
    library: str
    settings: dict[str, str]
    version: str = ""
    made_for: str = ""
    path: list[str] = field(default_factory=list)


class Folders:
    """The service's files, for looking and reading by the paths that it uses itself."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach

    def at(self, inside: str) -> str | None:
        """Where the path can be opened now, None where nothing is there."""
        reached = self.reach.follow(inside)
        return None if reached.seen is None else reached.seen_at or None

    def shown(self, inside: str) -> str:
        """The host's path, without links; the service's own where the host has none."""
        return self.reach.follow(inside).host or inside

    def text(self, inside: str) -> str | None:
        """The start of a small text file, None where there is none that can be read."""
        place = self.at(inside)
        return start_of(place, _MOST_OF_A_TEXT) if place else None

    def names(self, inside: str) -> list[str]:
        """What a folder holds, nothing where it is none."""
        place = self.at(inside)
        try:
            return os.listdir(place) if place else []
        except OSError:
            return []


def lay_out(folders: Folders, who: Who, python: str, working_dir: str, variables: dict[str, str]) -> Layout:
    """The layout of the service's Python. CannotTell where it is not there, or no Python's library is beside it."""
    inside = _absolute(folders, who, python, working_dir, variables.get("PATH", _PATH))
    chain = _links(folders, inside)
    folder = os.path.dirname(inside)
    settings: dict[str, str] = {}
    prefix = ""
    for place in (folder, os.path.dirname(folder)):
        text = folders.text(os.path.join(place, "pyvenv.cfg"))
        if text is not None:
            settings, prefix = _settings(text), place
            break
    said = _plain(settings.get("version_info") or settings.get("version") or "")
    base = _base(folders, chain[-1], settings.get("home", ""))
    library = _library(folders, chain, base, said)
    found = Layout(inside, chain[-1], prefix or base, base, library, settings)
    header = folders.text(os.path.join(base, "include", library, "patchlevel.h"))
    exact = _HEADER.search(header) if header else None
    if exact:
        found.version = exact[1]
    elif said.startswith(minor(library) + "."):
        found.version = said
    if prefix and not folders.at(os.path.join(prefix, "lib", library)):
        others = [name for name in folders.names(os.path.join(prefix, "lib")) if _MINOR.match(name)]
        found.made_for = others[0] if others else ""
    found.path = _path(folders, who, found, working_dir, variables)
    return found


def minor(library: str) -> str:
    """The version in the name of a library's folder: "3.11" of "python3.11", "3.13" of "python3.13t"."""
    found = _MINOR.match(library)
    return found[1] if found else ""


def _absolute(folders: Folders, who: Who, python: str, working_dir: str, path: str) -> str:
    if "/" not in python:
        for place in path.split(":"):
            if place.startswith("/") and folders.at(os.path.join(place, python)):
                return os.path.join(place, python)
        raise CannotTell(f"there is no {python} on the service's PATH")
    if python.startswith("~/"):
        python = os.path.join(who.home, python[2:])
    inside = os.path.normpath(os.path.join(working_dir, python))
    reached = folders.reach.follow(inside)
    if reached.seen is None:
        from .unreached import why

        raise why(reached, who, inside)
    return inside


def _links(folders: Folders, inside: str) -> list[str]:
    """The path and each one that a link at its end leads to, the real file last."""
    chain = [inside]
    while len(chain) < _MOST_LINKS:
        link = folders.reach.follow(chain[-1]).link
        if not link:
            break
        chain.append(os.path.normpath(os.path.join(os.path.dirname(chain[-1]), link)))
    return chain


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _plain(version: str) -> str:
    """A version as it is usually written: "3.13.0rc2" for "3.13.0.candidate.2"."""
    parts = version.rstrip("+").split(".")
    if len(parts) < 5:
        return version.rstrip("+")
    stage = _STAGES.get(parts[3], "")
    return ".".join(parts[:3]) + (stage + parts[4] if stage else "")


def _base(folders: Folders, binary: str, home: str) -> str:
    """The folder of the Python itself, by its standard library; that of the binary where none is found."""
    for start in filter(None, (home, os.path.dirname(binary))):
        at = "/usr/bin" if start in ("/bin", "/sbin") else start  # links on most systems of today
        while at not in ("/", ""):
            at = os.path.dirname(at)
            if at != "/" and any(_MINOR.match(name) for name in folders.names(os.path.join(at, "lib"))):
                return at
    return os.path.dirname(os.path.dirname(binary))


def _library(folders: Folders, chain: list[str], base: str, said: str) -> str:
    for each in reversed(chain):
        named = _MINOR.search(os.path.basename(each))
        if named:
            return f"python{named[1]}{named[2]}" if "pypy" not in each else f"pypy{named[1]}"
    there = sorted(name for name in folders.names(os.path.join(base, "lib")) if _MINOR.match(name))
    of_said = [name for name in there if said.startswith(minor(name) + ".")]
    if of_said or there:
        return (of_said or there)[-1]
    if said.count("."):
        return "python" + ".".join(said.split(".")[:2])
    raise CannotTell(f"no standard library of a Python belongs to {chain[0]}")


def _path(folders: Folders, who: Who, layout: Layout, working_dir: str, variables: dict[str, str]) -> list[str]:
    """The folders that distributions may lie in, in the order of ``sys.path``, each once."""
    library = layout.library
    sites: list[str] = []
    if layout.settings:
        sites += [os.path.join(layout.prefix, lib, library, "site-packages") for lib in ("lib64", "lib")]
    if not layout.settings or layout.settings.get("include-system-site-packages", "").lower() == "true":
        if not variables.get("PYTHONNOUSERSITE"):
            user = variables.get("PYTHONUSERBASE") or os.path.join(variables.get("HOME") or who.home, ".local")
            sites.append(os.path.join(user, "lib", library, "site-packages"))
        base = layout.base
        if base == "/usr":
            sites += ["/usr/local/lib64/" + library + "/site-packages", "/usr/local/lib/" + library + "/site-packages"]
            sites += ["/usr/local/lib/" + library + "/dist-packages", "/usr/lib/python3/dist-packages"]
            sites.append("/usr/lib/" + library + "/dist-packages")
        sites += [os.path.join(base, lib, library, "site-packages") for lib in ("lib64", "lib")]
    given = [each for each in variables.get("PYTHONPATH", "").split(":") if each]
    path = [os.path.normpath(os.path.join(working_dir, each)) for each in given]
    for site in sites:
        path += [site, *_added(folders, site)]
    found: dict[str, str] = {}
    for each in path:
        place = folders.at(each)
        if place is not None:
            found.setdefault(place, each)
    return list(found.values())


def _added(folders: Folders, site: str) -> list[str]:
    """The folders that a site's .pth files put on the path. Their lines of code are not run."""
    added: list[str] = []
    for name in sorted(folders.names(site)):
        if not name.endswith(".pth") or name.startswith("."):
            continue
        for line in (folders.text(os.path.join(site, name)) or "").splitlines():
            line = line.strip()
            if line and not line.startswith(("#", "import ", "import\t")) and len(line) < 4096:
                added.append(os.path.normpath(os.path.join(site, line)))
    return added
