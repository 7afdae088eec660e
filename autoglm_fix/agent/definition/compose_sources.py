"""The texts of a compose project: its files, its ``.env``, and the files that they name as ``env_file``."""

from __future__ import annotations

import os
import re

from ..facts.service import Source
from .texts import source

# Read without a parser, which the host may not have: a word too many costs one look at a file.
_NAMED = re.compile(r"""^[ \t]*["']?env_file["']?:[ \t]*(\[[^\]]*|.*)""", re.MULTILINE)
_ENTRY = re.compile(r"^[ \t]*-[ \t]+(?:path:[ \t]*)?(.+)$")
_MOST = 50


def compose_sources(files: list[str], env_file: str = "") -> list[Source]:
    """Each compose file, after the env files that its services start with and the project's ``.env``."""
    texts = [source("compose", path) for path in files]
    folder = os.path.dirname(os.path.abspath(files[0])) if files else "/"
    paths = [os.path.join(folder, env_file or ".env")] if files else []
    for each in texts:
        paths += [os.path.join(folder, name) for name in env_files(each.file.text)]
    found = [source("env-file", path, optional=True) for path in dict.fromkeys(paths)]
    return [each for each in found if each.file.state != "missing"] + texts


def env_files(text: str) -> list[str]:
    """What a compose file names as ``env_file``, for any of its services, as it is written."""
    found: list[str] = []
    for named in _NAMED.finditer(text):
        given = _plain(named.group(1))
        if given.startswith("["):
            found += [_plain(each) for each in given[1:].split(",")]
        elif given:
            found.append(given)
        else:
            for line in text[named.end() + 1 :].splitlines():
                entry = _ENTRY.match(line)
                if entry is not None:
                    found.append(_plain(entry.group(1)))
                elif line.strip() and not line.lstrip().startswith(("#", "required:", "format:")):
                    break
    return [each for each in dict.fromkeys(found) if each and "$" not in each][:_MOST]


def _plain(value: str) -> str:
    value = value.strip().rstrip(",")
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return re.split(r"\s#", value)[0].strip()
