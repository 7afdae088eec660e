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

from dataclasses import dataclass, field

from ..facts.service import Definition, Ended


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
