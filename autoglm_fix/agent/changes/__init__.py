"""Edits written down as data: one file a kind, each with its preview, its making and its undo class."""

from __future__ import annotations

import importlib
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar, Iterable, Protocol

from ..context import Context

# Where each kind lives; loaded only when a plan uses it.
KINDS = {
    "write_file": ("write_file", "WriteFile"),
    "link": ("link", "Link"),
    "fetch_file": ("fetch_file", "FetchFile"),
    "install": ("install", "Install"),
    "restart": ("restart", "Restart"),
    "daemon-reload": ("restart", "ReloadAndRestart"),
    "recreate": ("recreate", "Recreate"),
    "drain": ("drain", "Drain"),
    "undrain": ("drain", "Undrain"),
}


@dataclass(frozen=True)
class Preview:
    """What the host says of a change that has not been made.

    ``problem`` is why it could not be made (permission, space, read-only, the file has moved on),
    None where it could. ``diff`` is a unified diff for text and a line or two for the rest.
    """

    diff: str
    problem: str | None = None
    hint: str | None = None


class CannotChange(Exception):
    """A change that was refused or failed, in one sentence for people; the path is as it was.

    ``tail`` are the last lines that something said of it.
    """

    def __init__(self, message: str, hint: str = "", tail: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.tail = list(tail)


class Change(Protocol):
    """One edit, written down: a frozen dataclass of JSON-able fields.

    ``says`` is the code of the sentence that tells people what it does (``<fix>.<what>``), ``values``
    what that is filled with. ``path`` is what it touches: the host's path of a file, the folder of an
    environment, a service's name for its manager. ``risk``: ``safe``, ``restart`` (takes effect at the service's
    next start, or is one) or ``disruptive``. ``undo``: ``exact``, ``state`` or ``none``.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    kind: ClassVar[str]

    @property
    def risk(self) -> str: ...

    @property
    def undo(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def says(self) -> str: ...

    @property
    def values(self) -> dict[str, str]: ...

    def preview(self, ctx: Context) -> Preview: ...


class Replacement(Change, Protocol):
    """A change of one path: ``stage`` builds the new thing at another name in the same folder.

    Keeping the old one, the journal, the rename and the undo are the same for every kind.
    """

    def stage(self, ctx: Context, staged: str) -> None: ...


class Act(Change, Protocol):
    """A change that is more than one path replaced: packages, a container, a service's state.

    It carries all that it needs: its undo may run without the inventory. Those whose undo is ``state`` are
    put back after everything else, once for each ``kind`` and ``path``, to what the first of them found.
    """

    def before(self, ctx: Context, folder: str) -> dict[str, Any]:
        """What putting back needs, JSON-able. Files that are kept go below ``folder`` (made when needed).

        Nothing has changed yet: CannotChange where the way back cannot be kept.
        """

    def make(self, ctx: Context) -> None:
        """Make it. CannotChange where that failed; ``put_back`` is called then."""

    @classmethod
    def put_back(cls, ctx: Context, before: dict[str, Any]) -> None:
        """Bring back what was, from any point at which ``make`` may have been cut off; again, if called again."""

    @classmethod
    def fingerprint(cls, ctx: Context, before: dict[str, Any]) -> list[Any]:
        """What tells a state that somebody edited since from the one that was left; the same for both: []."""


def to_wire(change: Change) -> dict[str, Any]:
    """The change as a JSON-able dict with its kind."""
    return {"kind": change.kind, **{f.name: getattr(change, f.name) for f in fields(change)}}


def from_wire(wire: dict[str, Any]) -> Change:
    """The change that a controller asked for. Unknown kinds are refused."""
    values = dict(wire)
    made: Change = kind_of(values.pop("kind"))(**values)
    return made


def kind_of(kind: str) -> Any:
    """The class of a kind of change."""
    module, name = KINDS[kind]
    return getattr(importlib.import_module("." + module, __name__), name)
