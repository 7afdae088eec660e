"""Where a playbook is: a file that exists, else a shipped one by its name."""

from __future__ import annotations

import os
from pathlib import Path

from autoglm_fix.authored.problems import BadInput, Position, did_you_mean

_SUFFIX = ".yml"


def shipped_folder() -> Path:
    """The playbooks that come with the package: beside its code in a wheel, beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "playbooks"
    return installed if installed.is_dir() else package.parent / "playbooks"


def shipped_playbooks(folder: Path | None = None) -> dict[str, Path]:
    """The shipped playbooks by name, without suffix."""
    return {path.stem: path for path in sorted((folder or shipped_folder()).glob(f"*{_SUFFIX}"))}


def find_playbook(name: str, folder: Path | None = None) -> Path:
    """The file that a command line's PLAYBOOK means. Raises BadInput where there is none.

    ``folder`` stands in for that of the shipped playbooks.
    """
    path = Path(os.path.expanduser(name))
    known = shipped_playbooks(folder)
    # os.path, unlike Path, has an answer for names that no filesystem takes.
    if os.path.isfile(path):
        return path
    if name.removesuffix(_SUFFIX) in known:
        return known[name.removesuffix(_SUFFIX)]
    if os.path.exists(path):
        return path
    hint = did_you_mean(Path(name).name.removesuffix(_SUFFIX), known, nouns="shipped playbooks")
    raise BadInput([Position(name).problem("there is no such playbook", hint)])
