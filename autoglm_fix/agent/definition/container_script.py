"""The shell script that a container starts, where its command is one: its text says how the service is launched."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Mapping

from ..facts.service import Source
from ..facts.text_file import TextFile
from ..reach import Reach, Who
from ..unknown import CannotTell
from ..view import View

SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh")
_LONGEST = 1 << 18
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def script_of(view: View, argv: list[str], folder: str, variables: Mapping[str, str]) -> Source | None:
    """The script, with a host's path where it is mounted; None for any other command, and where nobody can look.

    ``variables`` are the container's.
    """
    if not argv:
        return None
    path = argv[0]
    if os.path.basename(path) in SHELLS:
        named = [word for word in argv[1:] if not word.startswith("-")]
        if "-c" in argv or not named:
            return None
        path = named[0]
    places = [path] if "/" in path else [os.path.join(each, path) for each in variables.get("PATH", _PATH).split(":")]
    for place in places:
        try:
            found = _read(view, os.path.normpath(os.path.join(folder or "/", place)))
        except (CannotTell, OSError):
            return None
        if found is not None:
            first = found.text.split("\n", 1)[0]
            is_script = path != argv[0] or (first.startswith("#!") and any(each in first for each in SHELLS))
            return Source("script", found) if is_script else None
    return None


def _read(view: View, inside: str) -> TextFile | None:
    """The text of a small file; None where there is none."""
    reached = Reach(view, Who(None)).follow(inside)
    if reached.seen is None or not stat.S_ISREG(reached.seen.st_mode):
        return None
    raw = b""
    if reached.seen.st_size <= _LONGEST:
        with open(reached.seen_at, "rb") as source:
            raw = source.read(_LONGEST)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    state = "ok" if text.strip() else "not-text"
    return TextFile(os.path.basename(inside), inside, reached.host, state, text, hashlib.sha256(raw).hexdigest())
