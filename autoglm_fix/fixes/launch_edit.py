"""Offering an edit of a launch: changes of its definition, or the command for those who start it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import ByHand, Edit, edited

from .registry import Declined


def offer(
    service: Service, edit: Edit, *, fix: str, says: str, values: Mapping[str, str]
) -> Iterator[Change | Declined]:
    """The changes that make the edit; declined as ``<fix>.by-hand`` where no definition can be edited."""
    made = edited(service, edit, says=says, values=values)
    if isinstance(made, ByHand):
        yield Declined(f"{fix}.by-hand", {"command": made.command, "reason": made.reason})
    else:
        yield from made
