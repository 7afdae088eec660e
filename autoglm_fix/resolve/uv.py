"""uv, asked for any Python and platform: `uv pip compile` over a question's folder."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .command import Said, run
from .question import PROJECT, Answer, Place, Question, Refused, Sources, pose, read_pins

__all__ = ["File", "Uv"]

_NO_WHEEL = ("has no wheels with a matching", "no usable wheels", "building from source is disabled")
_NO_SOLUTION = "No solution found when resolving dependencies"
_NOT_LET_IN = re.compile(r"(An index URL \S+ could not be queried .*)")
_UNREACHED = (
    "failed to fetch",
    "error sending request",
    "failed to download",
    "unexpected html",
    "operation timed out",
)


class File(msgspec.Struct, frozen=True):
    """A wheel as an index lists it. ``size`` in bytes where it says so."""

    url: str = ""
    path: str = ""
    size: int | None = None
    hashes: dict[str, str] = {}


class _Package(msgspec.Struct):
    name: str
    wheels: list[File] = []


class _Lock(msgspec.Struct):
    packages: list[_Package] = []


@dataclass(frozen=True)
class Uv:
    """The uv of this controller's installation. ``cache`` is the folder that it may write into."""

    cache: Path

    def __call__(self, question: Question) -> Answer | Refused:
        """Ask it. Its refusals come with its own explanation of the contradiction."""
        with tempfile.TemporaryDirectory(prefix="autoglm-fix-") as folder:
            place = pose(question, Path(folder))
            said = self._compile(place, question, ["--annotation-style", "line", "-o", str(place.pins), "--no-header"])
            if isinstance(said, Refused):
                return said
            return read_pins(place.pins.read_text("utf-8"))

    def files(self, question: Question) -> dict[str, list[File]] | Refused:
        """The wheels that the sources have of what is asked for, by normalized name; those for others left out."""
        with tempfile.TemporaryDirectory(prefix="autoglm-fix-") as folder:
            place = pose(question, Path(folder))
            lock = Path(folder) / "pylock.toml"
            said = self._compile(place, question, ["--format", "pylock.toml", "-o", str(lock)])
            if isinstance(said, Refused):
                return said
            found = msgspec.toml.decode(lock.read_bytes(), type=_Lock)
        return {package.name: package.wheels for package in found.packages}

    def _compile(self, place: Place, question: Question, more: Sequence[str]) -> Said | Refused:
        platform = question.target.platform_of_uv()
        if platform is None:
            target = question.target
            return Refused("not-here", f"uv cannot resolve for {target.machine} with {' '.join(map(str, target.libc))}")
        try:
            from uv import find_uv_bin

            uv = find_uv_bin()
        except (ImportError, FileNotFoundError) as err:
            return Refused("not-here", f"uv is not installed beside autoglm-fix: {err}")
        argv = [uv, "pip", "compile", str(place.project), *more, "--no-config", "--no-build", "--quiet"]
        argv += ["--python", sys.executable, "--python-version", question.target.version]
        argv += ["--python-platform", platform, "--overrides", str(place.overrides)]
        argv += ["--no-index"] if question.sources.no_index else []
        argv += ["--no-deps"] if question.alone else []
        argv += ["--resolution", "lowest"] if question.lowest else []
        said = run(argv, place.folder, {**_indexes(question.sources, place), **self._private()})
        return said if said.code == 0 else _refused(said)

    def _private(self) -> dict[str, str]:
        return {
            "UV_CACHE_DIR": str(self.cache / "uv"),
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
            "UV_HTTP_RETRIES": "2",
        }


def _indexes(sources: Sources, place: Place) -> dict[str, str]:
    """Where it looks, as variables: none of them shows in a list of processes."""
    found = {"UV_FIND_LINKS": ",".join([str(place.wheels), *sources.find_links])}
    if sources.default and not sources.no_index:
        found["UV_DEFAULT_INDEX"] = sources.default
    if sources.extra and not sources.no_index:
        # As pip has it, whose configuration this is: an extra index is as good as the first one.
        found |= {"UV_INDEX": " ".join(sources.extra), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return found


def _refused(said: Said) -> Refused:
    reason = _reason(said.text)
    low = said.text.lower()
    if said.code is None:
        return Refused("no-index", "the indexes did not answer in time", said.tail)
    refused = _NOT_LET_IN.search(said.text)
    if refused:
        return Refused("no-index", refused[1], said.tail)
    if _NO_SOLUTION not in said.text and any(each in low for each in _UNREACHED):
        return Refused("no-index", _ends(said.text), said.tail)
    if any(each in low for each in _NO_WHEEL):
        return Refused("no-wheel", reason, said.tail)
    return Refused("contradiction", reason, said.tail)


def _said(text: str) -> list[str]:
    """uv's explanation line by line: what failed, and what that comes from."""
    lines = [line.strip(" ×╰─▶│├") for line in text.splitlines()]
    hint = next((at for at, line in enumerate(lines) if line.startswith("hint:")), len(lines))
    said = [line.removeprefix("error: ").removeprefix("cause: ") for line in lines[:hint] if line]
    return [line for line in said if not line.startswith(("warning:", "Request failed after"))]


def _ends(text: str) -> str:
    """What failed, and what it comes from in the end, without all between the two."""
    said = _said(text)
    return ": ".join(said[:1] + said[1:][-1:])


def _reason(text: str) -> str:
    """uv's explanation as a paragraph, without what only a person who calls uv could act on."""
    said = _said(text)
    start = next((at for at, line in enumerate(said) if line.startswith(_NO_SOLUTION)), None)
    words = ": ".join(said) if start is None else " ".join(said[start + 1 :])
    return re.sub(r"\s+", " ", words).replace(PROJECT, "this environment")
