"""pip-compile, for an environment whose Python and platform are this controller's own."""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from .command import Said, run
from .question import Answer, Question, Refused, pose, read_pins
from .target import Target, here

__all__ = ["PipTools"]

_OPTIONS = (
    "--quiet",
    "--no-header",
    "--strip-extras",
    "--annotation-style=line",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--allow-unsafe",
    "--no-config",
)
_UNREACHED = ("connection error", "newconnectionerror", "max retries exceeded", "sslerror", "readtimeout")
_CLASH = re.compile(
    r"requirement=\w+\((?:'([^']*)'|LinkCandidate\('([^' ]*)[^']*'\))\), parent=(?:None|\w+\('([^' ]*)[^']*'\))"
)


@dataclass(frozen=True)
class PipTools:
    """The pip-tools of this controller's installation. ``cache`` is the folder that it may write into."""

    cache: Path

    def __call__(self, question: Question) -> Answer | Refused:
        """Ask it; refused at once where it could only answer for another Python or platform."""
        obstacle = self.obstacle(question)
        if obstacle:
            return Refused("not-here", obstacle)
        with tempfile.TemporaryDirectory(prefix="autoglm-fix-") as name:
            folder = Path(name)
            place = pose(question, folder)
            asked = folder / "asked.in"
            lines = [f"--find-links {place.wheels}", "--only-binary :all:"]
            lines += [f"--find-links {link}" for link in question.sources.find_links]
            asked.write_text("".join(f"{line}\n" for line in [*lines, *place.asked]), "utf-8")
            argv = [
                sys.executable,
                "-m",
                "piptools",
                "compile",
                *_OPTIONS,
                "--cache-dir",
                str(self.cache / "pip-tools"),
            ]
            said = run([*argv, "-o", str(place.pins), str(asked)], folder, _variables(question, self.cache))
            if said.code != 0:
                return _refused(said)
            return read_pins(place.pins.read_text("utf-8"))

    @staticmethod
    def obstacle(question: Question) -> str | None:
        """Why pip-tools would answer another question than this one."""
        mine, other = here(), question.target
        same = (other.implementation, other.series, other.machine) == (mine.implementation, mine.series, mine.machine)
        if not same or other.libc != mine.libc:
            return (
                f"pip-tools resolves for the Python that runs it alone: that is {_described(mine)}, "
                f"and the service has {_described(other)}"
            )
        if question.sources.named:
            return "pip-tools cannot take some distributions from an index of their own"
        if question.overrides:
            return "pip-tools cannot override what a distribution asks for"
        return None


def _described(target: Target) -> str:
    name, major, minor = target.libc
    series = ".".join(map(str, target.series))
    return f"{target.implementation} {series} on {target.machine} with {name} {major}.{minor}"


def _variables(question: Question, cache: Path) -> dict[str, str]:
    """pip's settings; nothing of this machine's own configuration counts."""
    sources = question.sources
    found = {"PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CACHE_DIR": str(cache / "pip")}
    if sources.no_index:
        return {**found, "PIP_NO_INDEX": "1"}
    if sources.default:
        found["PIP_INDEX_URL"] = sources.default
    if sources.extra:
        found["PIP_EXTRA_INDEX_URL"] = " ".join(sources.extra)
    return found


def _refused(said: Said) -> Refused:
    """pip-compile ends in a traceback, whose last lines hold the reason in the form of Python objects."""
    low = said.text.lower()
    if said.code is None:
        return Refused("no-index", "the indexes did not answer in time", said.tail)
    if any(each in low for each in _UNREACHED):
        return Refused("no-index", "the indexes could not be reached", said.tail)
    clashes = [
        f"{_wheel(parent) if parent else 'this environment'} depends on {line or _wheel(link)}"
        for line, link, parent in _CLASH.findall(said.text)
    ]
    if clashes:
        reason = "These cannot hold together: " + "; ".join(dict.fromkeys(clashes)) + "."
        return Refused("contradiction", reason, said.tail)
    last = said.tail[-1] if said.tail else "pip-compile ended without a word"
    return Refused("contradiction", last.partition("DistributionNotFound: ")[2] or last, said.tail)


def _wheel(url: str) -> str:
    """The name and version in the address of a wheel."""
    name, _, rest = unquote(url.rpartition("/")[2]).partition("-")
    return f"{canonicalize_name(name)} {rest.partition('-')[0]}"
