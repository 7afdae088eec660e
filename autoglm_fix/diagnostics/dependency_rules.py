"""What distributions need of each other beside what their metadata says: the rows of knowledge/dependencies.yml."""

from __future__ import annotations

import functools
from typing import Literal

import msgspec

from autoglm_fix.knowledge import table


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An extra that a root is used with, where ``shown_by`` is installed or ``word`` stands in the launch command."""

    distribution: str
    extra: str
    shown_by: list[str]
    word: str
    source: str


class Checked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a distribution compares with a table of its own when it is imported."""

    distribution: str
    names: list[str]
    torch_since: str
    source: str


class Same(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distributions that must be of one version, unless a variable is set."""

    names: list[str]
    unless: str
    source: str


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Versions that do not fit together; the file says what each field means."""

    kind: Literal["breaks", "slow", "prescribed"]
    when: dict[str, str]
    cure: list[str]
    source: str
    signature: str = ""
    engines: list[str] = []
    models: list[str] = []
    vision: bool = False
    unless: str = ""
    otherwise: list[str] = []
    overrides: list[str] = []
    stacks: list[str] = []


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    read: str
    roots: dict[str, list[str]]
    asked: list[Asked]
    checked: Checked
    architectures: dict[str, dict[str, str]]
    same: list[Same]
    rules: list[Rule]


@functools.cache
def rules() -> Rules:
    """The rules that ship with the package."""
    return table("dependencies", Rules)
