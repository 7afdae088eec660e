"""The Python that loads a service's model, as its command, its script or the host's environments tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from os.path import basename, dirname, isabs, join

from autoglm_fix.agent.facts.landscape import Environment
from autoglm_fix.launch.command import understand

from .found import Draft

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*\Z")
_ACTIVATED = re.compile(r"^[^#\n]*(?:\bsource|(?:^|[\s;&])\.)\s+[\"']?(/[^\s\"';&]+)/bin/activate", re.MULTILINE)
_CONDA = re.compile(
    r"\b(?:conda|mamba|micromamba)\s+(?:activate|run\s+(?:\S+\s+)*?-(?:n|-name|p|-prefix))[\s=]+[\"']?([\w./-]+)"
)


def python_of(draft: Draft, environments: Sequence[Environment]) -> str | None:
    """The path of the interpreter; None where nothing tells."""
    return next((path for path in _pythons(draft, {each.python for each in environments}) if path), None)


def _pythons(draft: Draft, known: Set[str]) -> Iterator[str | None]:
    named = [path for each in draft.family[:1] for path in (each.python, each.running.python)]
    named += [draft.managed.python] if draft.managed is not None else []
    yield from (path for path in named if path and isabs(path))
    argv = draft.launch.argv if draft.launch is not None else ()
    program = next(iter(argv[understand(argv).front.at :]), "") if argv else ""
    if isabs(program):
        beside = join(dirname(program), "python")
        yield program if _PYTHON.match(basename(program)) else beside if beside in known else None
    defined = draft.service.defined
    for source in defined.sources if defined is not None else []:
        if source.kind != "env-file":
            yield from _activated(source.file.text, known)


def _activated(text: str, known: Set[str]) -> Iterator[str]:
    """The interpreters of environments that a text activates."""
    yield from (f"{prefix}/bin/python" for prefix in _ACTIVATED.findall(text))
    for name in _CONDA.findall(text):
        ending = f"{name}/bin/python" if isabs(name) else f"/envs/{name}/bin/python"
        yield from (path for path in sorted(known) if path.endswith(ending))
