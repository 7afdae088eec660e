"""Offering an edit of a launch: changes of its definition, or the command for those who start it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.launch import ByHand, Edit, edited

from .registry import Declined

# Why there is no definition to edit, each with a sentence of its own.
_REASONS = {
    "no-definition": "launch.no-definition",
    "unreadable": "launch.unreadable",
    "not-found-in-text": "launch.not-found-in-text",
    "image": "launch.image",
}


def offer(service: Service, edit: Edit, *, says: str, values: Mapping[str, str]) -> Iterator[Change | Declined]:
    """The changes that make the edit; declined with the whole corrected command where no definition can be edited."""
    made = edited(service, edit, says=says, values=values)
    if isinstance(made, ByHand) and not made.command:
        yield Declined("launch.nobody-knows", {})
    elif isinstance(made, ByHand):
        yield Declined(_REASONS[made.reason], {"command": made.command})
    else:
        yield from made
