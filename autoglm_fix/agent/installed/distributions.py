"""The distributions in one folder of ``sys.path``, by the headers of their metadata."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import Iterable

_HEADER = re.compile(
    rb"^(name|version|requires-dist|requires-python|provides-extra):[ \t]*([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(rb"\r?\n\r?\n")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
# Taken away by those who want small images; nobody imports them.
_SPARE = frozenset(["test", "tests", "testing", "doc", "docs", "example", "examples", "benchmarks", "scripts"])
_BLOCK = 1 << 13
_LONGEST = 1 << 20  # of headers; a longer file is none
_RECORD = 1 << 12
# Code alone: scripts and data are moved about by those who package for a system.
_CODE = re.compile(r"""^([^.,/"\n][^,"\n]*\.(?:py|so)),""", re.MULTILINE)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_ASKED = re.compile(r"^\s*([\w.-]+)\s*\[([^\]]*)\]")
# Asked for with extras by people, and by nothing that is installed.
_WHOLE = frozenset(["vllm", "sglang", "transformers"])


@dataclass(frozen=True)
class Distribution:
    """One installed distribution, by its metadata folder or file.

    ``name`` as it is written there, ``location`` its ``.dist-info`` or ``.egg-info``: by the host, in a
    container's image as the service sees it.
    ``requires`` are its Requires-Dist lines as they stand, but for those of extras that nothing installed
    asks for; ``requires_python`` its own; ``extras`` those it provides. ``installer`` is who installed it,
    ``direct_url`` where it came from when not from an index (``editable`` for a folder that is worked on).
    ``problem`` is empty, or what is broken: ``no-metadata`` and ``no-version`` (name and version are then
    what the folder's name says), ``unreadable``, ``files-gone`` (``gone`` names some), ``other-code`` (torch: its
    code is of the version that ``gone`` names), ``no-record`` (it works, but no installer can remove it).
    ``shadowed``: another of the same name comes first on the path. ``build`` is what torch was built for: the
    version of CUDA ("12.8"), "cpu", "rocm6.4"; empty for others.
    """

    name: str
    version: str
    location: str
    requires: list[str] = field(default_factory=list)
    requires_python: str | None = None
    extras: list[str] = field(default_factory=list)
    installer: str = ""
    direct_url: str = ""
    editable: bool = False
    problem: str = ""
    shadowed: bool = False
    build: str = ""
    gone: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Index:
    """Where the service's own installer looks. URLs carry no credentials; ``credentials`` says that they had some.

    ``set_by`` names the file or variable, empty for the installer's default.
    """

    url: str = ""
    extra: list[str] = field(default_factory=list)
    find_links: list[str] = field(default_factory=list)
    set_by: str = ""
    credentials: bool = False
    no_index: bool = False


@dataclass
class Header:
    """What is read of a METADATA or PKG-INFO file."""

    name: str = ""
    version: str = ""
    requires: list[str] = field(default_factory=list)
    requires_python: str | None = None
    extras: list[str] = field(default_factory=list)


def normal(name: str) -> str:
    """A distribution's name as names are compared: "huggingface-hub"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_credentials(url: str) -> str:
    """A URL without the user and password in it."""
    return _CREDENTIALS.sub("", url)


def read_folder(place: str, shown: str) -> tuple[list[Distribution], list[str]]:
    """What lies in a folder, and the remains of removals that were broken off (names that begin with ~).

    In the order of the folder itself, which is the one that Python meets them in. ``shown`` is the folder's
    name in locations. OSError where it cannot be listed.
    """
    names = os.listdir(place)
    there = set(names)
    found: list[Distribution] = []
    for name in names:
        if name.startswith("~"):
            continue
        if name.endswith(".dist-info"):
            found.append(_dist_info(place, shown, name, there))
        elif name.endswith((".egg-info", ".egg-link", ".egg")):
            from .eggs import read_egg

            egg = read_egg(place, shown, name)
            if egg is not None:
                found.append(egg)
    return found, [os.path.join(shown, name) for name in names if name.startswith("~")]


def parse(raw: bytes) -> Header:
    """The headers that count; whatever the bytes are, it raises nothing."""
    header = Header()
    for key, value in _HEADER.findall(raw):
        text = " ".join(value.decode("utf-8", "replace").split())
        key = key.lower()
        if key == b"requires-dist":
            header.requires.append(text)
        elif key == b"provides-extra":
            header.extras.append(text)
        elif key == b"requires-python":
            header.requires_python = text
        elif key == b"name":
            header.name = header.name or text
        else:
            header.version = header.version or text
    return header


def read_head(path: str, longest: int = _LONGEST) -> bytes:
    """A file up to its first blank line. OSError where it cannot be read."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        raw = os.read(fd, _BLOCK)
        end = _END.search(raw)
        while end is None and len(raw) < longest:
            more = os.read(fd, _BLOCK * 8)
            if not more:
                break
            raw += more
            end = _END.search(raw)
        return raw[: end.start()] if end else raw
    finally:
        os.close(fd)


def start_of(path: str, longest: int) -> str | None:
    """The start of a small text file, None where there is none that can be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(fd, longest).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(fd)


def wanted(found: Iterable[Distribution]) -> dict[str, set[str]]:
    """The extras of each distribution that another one asks for, by normal names."""
    asked: dict[str, set[str]] = {}
    open_, news = list(found), True
    while news:
        news = False
        for each in open_:
            for line in each.requires:
                request = _ASKED.match(line)
                if request and _counts(line, asked.get(normal(each.name), set())):
                    extras = {normal(extra.strip()) for extra in request[2].split(",") if extra.strip()}
                    known = asked.setdefault(normal(request[1]), set())
                    news = news or not extras <= known
                    known |= extras
    return asked


def lean_requires(each: Distribution, asked: dict[str, set[str]]) -> list[str]:
    """Its requirements without those of extras that nobody asks for: they are most of the text."""
    name = normal(each.name)
    if name in _WHOLE:
        return each.requires
    mine = asked.get(name, set())
    return [line for line in each.requires if _counts(line, mine)]


def _counts(line: str, extras: set[str]) -> bool:
    if "extra" not in line:
        return True
    named = _EXTRA.findall(line.partition(";")[2])
    return not named or any(normal(extra) in extras for extra in named)


def _dist_info(place: str, shown: str, name: str, there: set[str]) -> Distribution:
    folder, location = os.path.join(place, name), os.path.join(shown, name)
    by_name, _, version = name[: -len(".dist-info")].partition("-")
    try:
        names = set(os.listdir(folder))
        raw = read_head(os.path.join(folder, "METADATA")) if "METADATA" in names else b""
    except OSError:
        return Distribution(by_name, version, location, problem="unreadable")
    header = parse(raw)
    installer = _small(folder, "INSTALLER", names, 64).strip()
    url, editable = _origin(_small(folder, "direct_url.json", names, 1 << 14))
    problem, gone = "", []
    if not header.name:
        problem = "no-metadata"
    elif not header.version:
        problem = "no-version"
    elif "RECORD" not in names:
        problem = "no-record"
    elif not editable:
        gone = _gone(place, folder, there)
        problem = "files-gone" if gone else ""
    return Distribution(
        header.name or by_name,
        header.version or version,
        location,
        header.requires,
        header.requires_python,
        header.extras,
        installer,
        url,
        editable,
        problem,
        gone=gone,
    )


def _small(folder: str, name: str, names: set[str], longest: int) -> str:
    return (start_of(os.path.join(folder, name), longest) or "") if name in names else ""


def _origin(text: str) -> tuple[str, bool]:
    """Where it came from, with the commit of a checkout, and whether it is a folder that is worked on."""
    if not text:
        return "", False
    try:
        said = json.loads(text)
        url = without_credentials(str(said["url"]))
        vcs, folder = said.get("vcs_info"), said.get("dir_info") or {}
        if vcs:
            url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
        return url, bool(folder.get("editable"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", False


def _gone(place: str, folder: str, there: set[str]) -> list[str]:
    """Some of its packages and modules that are not there any more, by the first lines of RECORD."""
    gone: list[str] = []
    seen: set[str] = set()
    for path in _CODE.findall(_small(folder, "RECORD", {"RECORD"}, _RECORD)):
        top, _, rest = path.partition("/")
        if top in _SPARE or (top in seen and rest != "__init__.py"):
            continue
        seen.add(top)
        if top not in there or (rest == "__init__.py" and not os.path.lexists(os.path.join(place, path))):
            gone.append(path)
    return gone[:3]
