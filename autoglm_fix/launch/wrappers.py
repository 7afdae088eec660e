"""What stands before a server in its command: programs that start the next one, containers, shells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import basename

from .tables import Wrapper, words

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.DOTALL)
_DEEPEST = 20


@dataclass(frozen=True)
class Shell:
    """A shell in the command: number ``at`` is its text (``-c``) or the file of its script, its arguments follow."""

    at: int
    is_text: bool


@dataclass(frozen=True)
class Container:
    """A front end of a container: options from ``options``, the ``image``; its words begin after that.

    ``env_files`` are the paths of its files of variables.
    """

    options: int
    image: int
    entrypoint: int | None = None
    env_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Front:
    """Where a command's own program begins (``at``), and what its front does; numbers count the words.

    ``sets`` holds the words that set variables: (number, where the name begins in the word). ``user`` and
    ``working_dir`` are what the front changes them to.
    """

    at: int
    sets: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    container: Container | None = None
    shell: Shell | None = None
    user: str | None = None
    working_dir: str | None = None


def front(argv: Sequence[str]) -> Front:
    """What stands before the program of a command. A program of its own has nothing there."""
    known = words()
    found = Front(0)
    for _ in range(_DEEPEST):
        if found.at >= len(argv):
            return found
        name = basename(argv[found.at])
        if name in known.wrappers:
            inner = _wrapped(argv, found, known.wrappers[name])
        elif name in known.containers.commands and found.container is None:
            inner = _contained(argv, found)
        else:
            break
        if inner is None:
            return found
        found = inner
    if found.container is not None and found.container.entrypoint is not None:
        return found
    shell = _shell(argv, found.at)
    return found if shell is None else _with(found, shell=shell)


def _with(
    found: Front,
    at: int | None = None,
    sets: Mapping[str, tuple[int, int]] | None = None,
    container: Container | None = None,
    shell: Shell | None = None,
    user: str | None = None,
    working_dir: str | None = None,
) -> Front:
    return Front(
        found.at if at is None else at,
        {**found.sets, **(sets or {})},
        container or found.container,
        shell or found.shell,
        user or found.user,
        working_dir or found.working_dir,
    )


def _wrapped(argv: Sequence[str], found: Front, wrapper: Wrapper) -> Front | None:
    """The front with one more wrapper passed; None where what follows is no command of it."""
    at = found.at + 1
    name = basename(argv[found.at])
    if wrapper.sub:
        if wrapper.sub not in argv[at : at + 6]:
            return None
        at = argv.index(wrapper.sub, at) + 1
    user = working_dir = None
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "-":
        option = argv[at]
        at += 1
        if option == "--":
            break
        if option in wrapper.values and at < len(argv):
            user = argv[at] if option in ("-u", "--user") and name in ("sudo", "runuser", "chpst") else user
            working_dir = argv[at] if option in ("-C", "--chdir") and name == "env" else working_dir
            at += 1
    sets = {}
    while wrapper.sets and at < len(argv) and (match := _ASSIGNMENT.match(argv[at])):
        sets[match.group()[:-1]] = (at, 0)
        at += 1
    if wrapper.words and name in ("gosu", "su-exec") and at < len(argv):
        user = argv[at].partition(":")[0]
    return _with(found, at + wrapper.words, sets, user=user, working_dir=working_dir)


def _contained(argv: Sequence[str], found: Front) -> Front | None:
    """Behind ``docker run OPTIONS IMAGE``: the words for the image."""
    known = words().containers
    at = found.at + 1
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in known.global_values else 1
    if argv[at : at + 2] == ["container", "run"] or tuple(argv[at : at + 2]) == ("container", "run"):
        at += 1
    if at >= len(argv) or argv[at] not in ("run", "create"):
        return None
    options = at = at + 1
    sets: dict[str, tuple[int, int]] = {}
    entrypoint = user = working_dir = None
    env_files: list[str] = []
    while at < len(argv) and argv[at].startswith("-"):
        option, joined, value = argv[at].partition("=")
        takes = not joined and option not in known.flags
        number, begins = (at + 1, 0) if takes else (at, len(option) + 1)
        if takes:
            value = argv[at + 1] if at + 1 < len(argv) else ""
        if option in ("-e", "--env") and "=" in value:
            sets[value.partition("=")[0]] = (number, begins)
        env_files += [value] if option == "--env-file" else []
        entrypoint = number if option == "--entrypoint" else entrypoint
        user = value if option in ("-u", "--user") else user
        working_dir = value if option in ("-w", "--workdir") else working_dir
        at += 2 if takes else 1
    if at >= len(argv):
        return None
    container = Container(options, at, entrypoint, tuple(env_files))
    return _with(found, at + 1, sets, container, user=user, working_dir=working_dir)


def _shell(argv: Sequence[str], at: int) -> Shell | None:
    """The text or script that a shell at this place is given."""
    if at >= len(argv):
        return None
    name = basename(argv[at])
    if name == "su" or (name == "runuser" and "-c" in argv):
        number = next((n + 1 for n in range(at, len(argv) - 1) if argv[n] in ("-c", "--command")), None)
        return None if number is None else Shell(number, True)
    if name == "busybox" and at + 1 < len(argv):
        at, name = at + 1, argv[at + 1]
    if name not in words().shells:
        return None
    number = at + 1
    text = False
    while number < len(argv) and argv[number][:1] in ("-", "+") and len(argv[number]) > 1:
        option = argv[number]
        number += 1
        if option == "--":
            break
        if option.startswith("--"):
            number += option in ("--rcfile", "--init-file")
            continue
        text = text or "c" in option
        number += option.endswith(("o", "O"))
    return Shell(number, text) if number < len(argv) else None
