"""What a resolver is asked, in one folder: metadata-only wheels of what is installed, and what shall hold."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .target import Target

__all__ = ["PROJECT", "Answer", "Ask", "Given", "Place", "Question", "Refused", "Sources", "pose", "read_pins"]

# How the environment is called in the reasons that a resolver gives.
PROJECT = "this-environment"

# As pip-tools and uv write them, in one line each; what is held stands there by its wheel.
_PIN = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?(?:==(\S+)| @ \S*?/[\w.]+-([^-/\s]+)-[^/\s]*\.whl)(?:\s+# via (.*))?$")
_NOT_A_NAME = (PROJECT, "-r ", "-c ", "--")


@dataclass(frozen=True)
class Sources:
    """Where wheels are looked for. ``default`` is empty for PyPI; ``named`` are indexes for some names alone."""

    default: str = ""
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    named: tuple[tuple[str, tuple[str, ...]], ...] = ()
    no_index: bool = False


@dataclass(frozen=True)
class Given:
    """An installed distribution as its metadata says, without what it asks for in vain."""

    name: str
    version: str
    asks: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requires_python: str = ""

    @property
    def file(self) -> str:
        """The name of its metadata-only wheel."""
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    def write(self, folder: Path) -> Path:
        """Make that wheel. It holds nothing but metadata, and is never installed."""
        headers = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        headers += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        headers += [f"Provides-Extra: {extra}" for extra in self.extras]
        headers += [f"Requires-Dist: {line}" for line in self.asks]
        info = f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        path = folder / self.file
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{info}/METADATA", "\n".join(headers) + "\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return path


@dataclass(frozen=True)
class Question:
    """Which versions satisfy ``asked``, where ``held`` stay as they are and ``free`` stay if they can.

    ``again`` are free too, but what is installed of them is of no use. ``alone``: whatever else they would need;
    ``lowest``: the lowest versions instead of the highest.
    """

    target: Target
    sources: Sources
    asked: tuple[str, ...]
    held: tuple[Given, ...] = ()
    free: tuple[Given, ...] = ()
    again: tuple[Given, ...] = ()
    overrides: tuple[str, ...] = ()
    alone: bool = False
    lowest: bool = False


@dataclass(frozen=True)
class Answer:
    """The versions of all that would be installed, and which of them ask for each; by normalized name."""

    versions: Mapping[str, str]
    via: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """No versions. ``code`` is one of NoSolution's, ``reason`` a few sentences, ``tail`` what was said last."""

    code: str
    reason: str
    tail: tuple[str, ...] = ()


class Ask(Protocol):
    """One resolver, asked once."""

    def __call__(self, question: Question) -> Answer | Refused: ...


@dataclass(frozen=True)
class Place:
    """A question written down. ``wheels`` are those of what is free; ``pins`` is what should stay if it can."""

    folder: Path
    wheels: Path
    pins: Path
    asked: tuple[str, ...]

    @property
    def project(self) -> Path:
        return self.folder / "pyproject.toml"

    @property
    def overrides(self) -> Path:
        return self.folder / "overrides.txt"


def pose(question: Question, folder: Path) -> Place:
    """Write a question into an empty folder. What is held needs no index: it is asked for by its file."""
    held, free = folder / "held", folder / "free"
    for each in (held, free):
        each.mkdir()
    fixed = [f"{given.name} @ {given.write(held).as_uri()}" for given in question.held]
    for given in question.free:
        given.write(free)
    place = Place(folder, free, folder / "pins.txt", (*fixed, *question.asked))
    place.pins.write_text(_pins((*question.free, *question.again)), "utf-8")
    place.overrides.write_text("".join(f"{line}\n" for line in question.overrides), "utf-8")
    _write_private(place.project, _project(place.asked, question))
    return place


def _pins(given: tuple[Given, ...]) -> str:
    return "".join(f"{each.name}=={each.version}\n" for each in given)


def read_pins(text: str) -> Answer:
    """What a resolver wrote: one pin a line, with a comment which of them ask for it."""
    versions: dict[str, str] = {}
    via: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        pin = _PIN.match(line.strip())
        if pin is None:
            continue
        name = canonicalize_name(pin[1])
        versions[name] = unquote(pin[2] or pin[3])
        named = [each.strip() for each in (pin[4] or "").split(",")]
        via[name] = tuple(canonicalize_name(each) for each in named if each and not each.startswith(_NOT_A_NAME))
    return Answer(versions, via)


def _project(asked: tuple[str, ...], question: Question) -> str:
    """A project in TOML, whose strings are written as JSON's are."""
    lines = ["[project]", f'name = "{PROJECT}"', 'version = "0"', 'requires-python = ">=3"']
    lines.append(f"dependencies = {json.dumps(asked, ensure_ascii=False)}")
    present = {canonicalize_name(Requirement(line).name) for line in question.asked}
    for number, (url, names) in enumerate(question.sources.named):
        for name in sorted({canonicalize_name(name) for name in names} & present):
            lines += [f"[tool.uv.sources.{json.dumps(name)}]", f'index = "named-{number}"']
        lines += ["[[tool.uv.index]]", f'name = "named-{number}"', f"url = {json.dumps(url)}", "explicit = true"]
    return "\n".join(lines) + "\n"


def _write_private(path: Path, text: str) -> None:
    """An index's URL may carry a password."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
