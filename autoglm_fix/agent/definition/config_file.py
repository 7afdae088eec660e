"""The file that a server's ``--config`` names: its options are the service's."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from ..facts.service import Definition, Running, Source
from ..reach import Reach, Who
from ..unknown import CannotTell
from ..view import View
from .texts import source

# Read without knowing the server: a word too many costs one look at a file.
_NAMED = re.compile(r"--config(?=[\s\"',=\\])[\s\"',=\\-]+([^\s\"',;\]]+\.ya?ml)(?![^\s\"',;\]])")
_MOST = 4


def config_sources(view: View, user: str | None, definition: Definition, running: Running | None) -> list[Source]:
    """The files that the command, its scripts and the live process name, as the service's ``user`` sees them."""
    record = definition.container.record if definition.container else {}
    argvs = [definition.argv, running.argv if running else None, record.get("Args")]
    texts = ["\n".join(map(str, argv)) for argv in argvs if isinstance(argv, list)]
    texts += [each.file.text for each in definition.sources if each.kind == "script"]
    folder = definition.working_dir or (running.working_dir if running else None) or "/"
    named = [os.path.normpath(os.path.join(folder, path)) for text in texts for path in _NAMED.findall(text)]
    found = [_seen(view, user, path) for path in dict.fromkeys(named[:_MOST]) if "$" not in path]
    return [each for each in found if each is not None]


def _seen(view: View, user: str | None, inside: str) -> Source | None:
    """The file's text, with the host's path for it; None where it is not there, or nobody can look."""
    try:
        reached = Reach(view, Who(user)).follow(inside)
    except (CannotTell, OSError):
        return None
    if reached.seen is None or not reached.seen_at:
        return None
    there = source("config", reached.seen_at)
    host = inside if view.container is None else reached.host
    file = replace(there.file, name=os.path.basename(inside), inside=inside, host=host)
    if reached.barrier:
        detail = f"{user} may not read {reached.barrier}"
        file = replace(file, state="unreadable", text="", sha256=None, detail=detail)
    return replace(there, file=file)
