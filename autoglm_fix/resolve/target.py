"""For which Python and platform: as resolvers name it, and which wheels it takes."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from autoglm_fix.agent.facts.environment import Environment

__all__ = ["Target", "here"]

# What uv can name, oldest first: `uv pip compile --help`, 0.5 to 0.13.
_GLIBC_OF_UV = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
_PYTHON = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}(?:\.[0-9A-Za-z.+]{1,20})?\Z")
_LIBC = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}(?:\.[0-9]{1,3})?\Z")
_MACHINES_OF_UV = ("x86_64", "aarch64")
# Older names of platform tags, by the minor version of glibc that they stand for.
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Target:
    """A Python ("3.11.2"), its kind, and the machine that it runs on. ``glibc`` or ``musl`` is empty."""

    version: str
    implementation: str
    machine: str
    glibc: str
    musl: str

    @classmethod
    def of(cls, environment: Environment) -> Target | None:
        """The one of an environment; None where its version is none. What is no version of a libc is not known."""
        if not _PYTHON.match(environment.version):
            return None
        glibc, musl = (text if _LIBC.match(text) else "" for text in (environment.glibc, environment.musl))
        return cls(environment.version, environment.implementation, environment.machine, glibc, musl)

    @property
    def series(self) -> tuple[int, int]:
        """The Python's major and minor version."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)

    @property
    def libc(self) -> tuple[str, int, int]:
        """``glibc`` or ``musl`` and its version; glibc 2.17, which every wheel's builder has, where nobody can say."""
        name, text = ("musl", self.musl) if self.musl and not self.glibc else ("glibc", self.glibc or "2.17")
        major, minor, *_ = text.split(".")
        return name, int(major), int(minor)

    def platform_of_uv(self) -> str | None:
        """Its platform as uv calls it, the newest that is not newer; None where uv has no name for it."""
        name, major, minor = self.libc
        if self.machine not in _MACHINES_OF_UV:
            return None
        if name == "musl":
            return f"{self.machine}-unknown-linux-musl"
        known = [each for each in _GLIBC_OF_UV if each <= minor]
        return f"{self.machine}-manylinux_2_{known[-1]}" if major == 2 and known else None

    def best(self, files: Iterable[str]) -> str | None:
        """The wheel among these file names that fits it best, None where none does."""
        order = {tag: rank for rank, tag in enumerate(self._tags())}
        ranked = [
            (min(order[tag] for tag in tags), file)
            for file in files
            if (tags := [tag for tag in _tags_in(file) if tag in order])
        ]
        return min(ranked)[1] if ranked else None

    def _tags(self) -> Iterator[Tag]:
        platforms = list(self._platforms())
        major, minor = self.series
        if self.implementation == "cpython":
            yield from cpython_tags((major, minor), platforms=platforms)
        yield from compatible_tags((major, minor), interpreter=f"cp{major}{minor}", platforms=platforms)

    def _platforms(self) -> Iterator[str]:
        name, major, newest = self.libc
        if name == "musl":
            yield from (f"musllinux_{major}_{minor}_{self.machine}" for minor in range(newest, -1, -1))
        else:
            oldest = 5 if self.machine in ("x86_64", "i686") else 17
            for minor in range(newest, oldest - 1, -1):
                yield f"manylinux_{major}_{minor}_{self.machine}"
                if minor in _OLD_NAMES:
                    yield f"{_OLD_NAMES[minor]}_{self.machine}"
        yield f"linux_{self.machine}"


def here() -> Target:
    """The Python and platform of this controller."""
    name, version = platform.libc_ver()
    return Target(
        platform.python_version(),
        sys.implementation.name,
        platform.machine(),
        glibc=version if name == "glibc" else "",
        musl="" if name == "glibc" else version or "1.2",
    )


def _tags_in(file: str) -> Iterable[Tag]:
    try:
        return parse_wheel_filename(file)[3]
    except InvalidWheelFilename:
        return ()
