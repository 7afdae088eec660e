"""Services that a run has drained, and that nobody has undrained since."""

from __future__ import annotations

from typing import Any

from .journal import BrokenJournal, Journal
from .state import State


def drained(state: State) -> dict[str, str]:
    """By the names of the services the runs that did it."""
    found: dict[str, str] = {}
    for run in state.runs():
        changes: dict[int, dict[str, Any]] = {}
        try:
            entries = Journal(state, run).entries()
        except BrokenJournal:  # whoever changes this host is told of it
            continue
        for entry in entries:
            if "intent" in entry:
                changes[entry["intent"]] = entry["change"]
            else:
                _take_in(run, changes[entry["outcome"]], entry["result"], found)
    return found


def _take_in(run: str, change: dict[str, Any], result: str, found: dict[str, str]) -> None:
    """Take in what became of one change."""
    kind = change["kind"]
    if kind == "drain" and result == "made":
        found[change["path"]] = run
    elif (kind == "undrain" and result == "made") or (kind == "drain" and result in ("undone", "reverted")):
        found.pop(change["path"], None)
