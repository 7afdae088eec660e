"""How each manager defines a service, and what it says of its state: one module a manager (see ``managers.of``).

Each has these three:

``defined(ctx, spec) -> Definition``
    What the definition says now, from the disk (a container's record from its engine), whether or not anything
    runs. Cheap, since every fact waits for it: files, at most one request to a socket, no command. It
    raises ``NotDefined`` where the manager knows no such service, ``CannotTell`` where it cannot be read.
    It must read ``spec``, never ``ctx.service``, which is completed from its very answer.

``look(ctx, spec) -> Looked``
    The same, with what the manager says of the service's life, within a deadline. It raises
    ``CannotTell``; a service that is not there is ``Looked("absent", undefined=reason)``.
    ``pid`` is the main process behind any front end, as the host counts: ``live`` looks at that
    process, its children and the files that it reads at its start, the same way for every manager.

``control(ctx, spec) -> Control``
    What starts and stops it, for changes.

Each is imported inside a function, so that only the manager in question travels to a host.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..facts.service import Definition, Ended, Source
from ..facts.text_file import TextFile

_LONGEST = 1 << 20


class NotDefined(Exception):
    """The manager knows no such service; ``near`` are names of those it knows that are alike."""

    def __init__(self, reason: str, near: list[str] | None = None) -> None:
        super().__init__(reason)
        self.near = near or []


@dataclass(frozen=True)
class Looked:
    """What a manager says of a service.

    ``state`` as in ``Service``. ``pid`` is 0 where nothing runs, ``pids`` those that the manager counts to it.
    ``log`` is read only where the service is not well, newest line last. ``reads`` are host paths that this
    rests on beside the definition's sources. ``unseen`` is why nothing can be said of its process.
    """

    state: str
    defined: Definition | None = None
    undefined: str = ""
    near: list[str] = field(default_factory=list)
    pid: int = 0
    pids: list[int] = field(default_factory=list)
    ended: Ended | None = None
    reloaded: bool = True
    log: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    unseen: str = ""


class Control(Protocol):
    """Starts and stops one service through its manager. Each call returns soon and may raise CannotChange."""

    def problem(self) -> str | None:
        """Why it could not be started or stopped from here (permission, no manager), None where it could."""

    def state(self) -> str:
        """``running``, ``starting``, ``stopping``, ``stopped``, ``failed``, ``restarting`` or ``absent``, asked now."""

    def start(self) -> None:
        """Begin to start it with the definition as it is on the disk now."""

    def stop(self) -> None:
        """Begin to stop it as its manager does, within the time that it is given for that."""

    def restart(self) -> bool:
        """Begin to do both in one go that nothing can cut in two; False where the manager has no such thing."""

    def pids(self) -> list[int]:
        """The processes that belong to it now, as the host counts: none means that it has ended."""

    def log(self) -> list[str]:
        """The last lines of its log, newest last."""


@runtime_checkable
class Remembers(Control, Protocol):
    """A manager that works with the definition as it read it once, until it is told to read it anew."""

    def is_reloaded(self) -> bool:
        """Whether it works with the definition as it is on the disk now."""

    def reload(self) -> None:
        """Let it read its definitions anew."""


def source(kind: str, path: str, *, optional: bool = False) -> Source:
    """A text of a definition, read now. One that may not be read is ``unreadable``, with the reason."""
    return Source(kind, _text(path), optional)


def _text(path: str) -> TextFile:
    name = os.path.basename(path)
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return TextFile(name, path, path, "not-a-file")
        if found.st_size > _LONGEST:
            return TextFile(name, path, path, "too-large", detail=f"{found.st_size} bytes")
        with open(path, "rb") as opened:
            raw = opened.read(_LONGEST)
    except FileNotFoundError:
        return TextFile(name, path, path, "missing")
    except OSError as err:
        return TextFile(name, path, path, "unreadable", detail=err.strerror or str(err))
    digest = hashlib.sha256(raw).hexdigest()
    try:
        return TextFile(name, path, path, "ok" if raw.strip() else "empty", raw.decode("utf-8"), digest)
    except UnicodeDecodeError as err:
        return TextFile(name, path, path, "not-text", "", digest, f"byte {err.start}")
