"""What a launch command starts: the text that it is, the Python that runs it."""

from __future__ import annotations

import os
import re
import shutil

from ..facts.service import Definition

_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
_PYTHON = re.compile(r"(python|pypy)\d*(\.\d+)*\Z")
_FRONT_ENDS = ("docker", "podman", "nerdctl", "docker-compose", "podman-compose")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def script_of(argv: list[str], folder: str) -> str:
    """The path of the shell script that the command is, or that its shell reads; empty for another command."""
    if not argv:
        return ""
    path = program(argv[0], folder)
    if os.path.basename(argv[0]) in _SHELLS:
        named = [word for word in argv[1:] if not word.startswith("-")]
        if "-c" in argv or not named:
            return ""
        return os.path.join(folder or "/", named[0])
    return path if os.path.basename((_interpreter(path) or [""])[0]) in _SHELLS and not _trampoline(path) else ""


def python_of(argv: list[str], folder: str, look: bool = True) -> str | None:
    """The Python that a command is, or that the program asks for which it starts; None where it is neither.

    Without ``look`` the program's file is not read.
    """
    for _ in range(3 if look else 1):
        if not argv:
            return None
        if _PYTHON.match(os.path.basename(argv[0])):
            return argv[0]
        path = program(argv[0], folder)
        found = _trampoline(path) or _interpreter(path)
        if os.path.basename(argv[0]) == "env":
            found = [word for word in argv[1:] if "=" not in word and not word.startswith("-")]
        argv = found
    return None


def starts_a_container(definition: Definition | None) -> bool:
    """Whether the launch command hands on to a container's engine and waits."""
    argv = definition.argv if definition else None
    return bool(argv) and os.path.basename((argv or [""])[0]) in _FRONT_ENDS


def program(name: str, folder: str) -> str:
    """The file that a command's first word names."""
    if "/" in name:
        return os.path.join(folder or "/", name)
    return shutil.which(name, path=_PATH) or name


def _interpreter(path: str) -> list[str]:
    """The words of a file's first line behind ``#!``; none for a file without."""
    head = _head(path)
    return head[2:].split() if head.startswith("#!") else []


def _trampoline(path: str) -> list[str]:
    """Installers write this where the interpreter's path is too long for a first line: sh that executes Python."""
    found = re.search(r"^'''exec' \"?([^\"\s]+)\"?", _head(path, 2), re.MULTILINE)
    return [found[1]] if found else []


def _head(path: str, lines: int = 1) -> str:
    try:
        with open(path, "rb") as source:
            head = source.read(4096)
    except OSError:
        return ""
    return "\n".join(head.decode("utf-8", "replace").split("\n")[:lines]) if head[:2] == b"#!" else ""
