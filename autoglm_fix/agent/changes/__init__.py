"""Edits written down as data: one file a kind, each with its preview, its making and its undo class."""

from __future__ import annotations

import importlib
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar, Protocol

from ..context import Context

# Where each kind lives; loaded only when a plan uses it.
KINDS = {
    "write_file": ("write_file", "WriteFile"),
    "link": ("link", "Link"),
    "fetch_file": ("fetch_file", "FetchFile"),
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
    """A change that was refused or failed, in one sentence for people; the path is as it was."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Change(Protocol):
    """One edit of one path: a frozen dataclass of JSON-able fields.

    ``says`` is the code of the sentence that tells people what it does (``<fix>.<what>``), ``values``
    what that is filled with. ``path`` is the host's path. ``stage`` builds the new thing at another
    name in the same folder; keeping the old one, the journal, the rename and the undo are the same for
    every kind.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    kind: ClassVar[str]
    risk: ClassVar[str]  # safe | restart | disruptive
    undo: ClassVar[str]  # exact | state | none

    @property
    def path(self) -> str: ...

    @property
    def says(self) -> str: ...

    @property
    def values(self) -> dict[str, str]: ...

    def preview(self, ctx: Context) -> Preview: ...

    def stage(self, ctx: Context, staged: str) -> None: ...


def to_wire(change: Change) -> dict[str, Any]:
    """The change as a JSON-able dict with its kind."""
    return {"kind": change.kind, **{f.name: getattr(change, f.name) for f in fields(change)}}


def from_wire(wire: dict[str, Any]) -> Change:
    """The change that a controller asked for. Unknown kinds are refused."""
    values = dict(wire)
    module, name = KINDS[values.pop("kind")]
    made: Change = getattr(importlib.import_module("." + module, __name__), name)(**values)
    return made
