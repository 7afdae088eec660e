"""What every manager offers to changes: starting and stopping, and knowing what runs."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


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
