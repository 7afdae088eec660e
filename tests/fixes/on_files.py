"""The round of a repair on real files, without the engine: facts, findings, changes, facts again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from autoglm_fix.agent import apply
from autoglm_fix.agent.changes import Change, to_wire
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.state import State
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.weights import weights
from autoglm_fix.fixes import Declined
from autoglm_fix.locale import LANGUAGES, Catalogue

T = TypeVar("T")


def fact(service: ServiceSpec, kind: type[T], **options: Any) -> T:
    """A fact as the controller gets it: through JSON."""
    collect: Any = kind
    return msgspec.convert(json.loads(json.dumps(plain(collect.collect(Context(service), **options)))), kind)


def errors(service: ServiceSpec, deep: bool = False) -> list[Finding]:
    """What the diagnostic finds now."""
    return [each for each in weights(fact(service, ModelFiles, deep=deep)) if each.severity == "error"]


def make(state_dir: Path, changes: list[Change]) -> list[dict[str, Any]]:
    """Preview and apply; asserts that the preview saw no problem. Returns the entries of ``apply``."""
    state = State(str(state_dir))
    wires = json.loads(json.dumps([to_wire(change) for change in changes]))
    assert [seen["problem"] for seen in apply.preview(Context(), state, wires)] == [None] * len(wires)
    return apply.apply(Context(), state, "run", "step", wires)


def undo(state_dir: Path) -> None:
    report = apply.undo(Context(), State(str(state_dir)), "run", False, False)
    assert {entry["state"] for entry in report} <= {"restored", "removed"}, report


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder, to the byte and the inode."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        content: object = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path)] = (seen.st_mode, seen.st_uid, content)
    return found


def only(offers: Iterator[Change | Declined]) -> Change | Declined:
    """The one thing that a fix yields."""
    (single,) = offers
    return single


def declined(offers: Iterator[Change | Declined]) -> Declined:
    """The one refusal that a fix yields; asserts that both languages have a sentence for it."""
    single = only(offers)
    assert isinstance(single, Declined)
    for language in LANGUAGES:
        for part in ("summary", "advice"):
            sentence = Catalogue(language).part(single.code, part, single.values)
            assert sentence
    return single
