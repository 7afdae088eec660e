"""What is known of commands: the servers' options, and the words that stand before a server."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from autoglm_fix.knowledge import table

Kind = Literal["value", "values", "maybe", "flag", "switch"]

# How names begin that take no value in any of the servers.
_FLAGS = ("--enable-", "--disable-", "--no-", "--skip-")


class _Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One server in ``launch_options.yml``, which says what each field means."""

    source: str
    date: datetime.date
    model: list[str]
    name: list[str]
    underscores: bool = False
    dotted: bool = False
    positional: bool = False
    also: dict[str, list[str]] = {}
    value: list[str] = []
    values: list[str] = []
    maybe: list[str] = []
    flag: list[str] = []
    switch: list[str] = []


@dataclass(frozen=True)
class Engine:
    """The options of one model server.

    ``model`` and ``name`` are the options that hold the model and the name it is served under, first the
    one that counts. ``positional``: the model may stand alone; ``dotted``: keys may be set singly.
    """

    model: Sequence[str]
    name: Sequence[str]
    underscores: bool
    dotted: bool
    positional: bool
    names: Mapping[str, str]
    kinds: Mapping[str, Kind]

    def named(self, written: str) -> str:
        """The long name of an option as it was written, without its value and key."""
        if self.underscores and written.startswith("--"):
            written = written.replace("_", "-")
        return self.names.get(written, written)

    def kind(self, name: str) -> Kind | None:
        """What an option takes, by its long name; None where nobody knows."""
        known = self.kinds.get(name)
        if known is None and name.startswith(_FLAGS):
            return "flag"
        return known

    def denied_by(self, written: str) -> str | None:
        """The switch that ``--no-...`` turns off; None for an option of its own."""
        name = self.named(written)
        switch = "--" + name.removeprefix("--no-")
        if switch == name or name in self.kinds or self.kinds.get(switch) != "switch":
            return None
        return switch


class Wrapper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program that starts the one named after its own options."""

    values: list[str] = []
    words: int = 0
    sub: str = ""
    sets: bool = False


class Containers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The front ends of containers."""

    commands: list[str]
    global_values: list[str]
    flags: list[str]


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What images start whose name holds ``part``."""

    part: str
    entrypoint: list[str]
    source: str
    command: list[str] = []


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands before a server's own command."""

    wrappers: dict[str, Wrapper]
    shells: list[str]
    programs: list[str]
    pythons: str
    python_values: list[str]
    containers: Containers
    images: list[Image]
    variables: list[str]

    def image(self, name: str) -> Image | None:
        """What an image starts by itself, by its name; None where nobody knows."""
        return next((image for image in self.images if image.part in name), None)


@functools.cache
def engines() -> Mapping[str, Engine]:
    """The servers by their names, as ``Launch.engine`` has them."""
    return {name: _engine(rows) for name, rows in table("launch_options", dict[str, _Rows]).items()}


@functools.cache
def words() -> Words:
    """The words that stand before a server."""
    return table("launch_words", Words)


def _engine(rows: _Rows) -> Engine:
    kinds: dict[str, Kind] = {}
    kinds.update(dict.fromkeys(rows.value, "value"))
    kinds.update(dict.fromkeys(rows.values, "values"))
    kinds.update(dict.fromkeys(rows.maybe, "maybe"))
    kinds.update(dict.fromkeys(rows.flag, "flag"))
    kinds.update(dict.fromkeys(rows.switch, "switch"))
    names = {other: name for name, others in rows.also.items() for other in others}
    return Engine(rows.model, rows.name, rows.underscores, rows.dotted, rows.positional, names, kinds)
