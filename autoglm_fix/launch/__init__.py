"""How a service is started, read from its definition, and the changes that start it otherwise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.service import Service

from . import by_hand
from .command import takes_more
from .docker import recreated
from .edit import NotEdited, edited_texts
from .reading import definition, launch, live
from .shapes import ByHand, Edit, Launch
from .texts import write

__all__ = ["ByHand", "Edit", "Launch", "edited", "limits", "plainly", "read"]


def read(service: Service) -> Launch | None:
    """The launch that the definition prescribes now, else that of the live process, else None.

    Where a part of the definition cannot be read, or only the shell itself could tell what a script starts, the
    live process is asked first.
    """
    found = definition(service)
    if not found.start.words or found.start.unclear in ("unreadable", "not-found-in-text"):
        found = live(service) or found
    return launch(found, service) if found.start.words else None


def plainly(argv: Sequence[str]) -> str:
    """A command for a person, quoted for a shell. A secret is its variable's name."""
    return by_hand.plainly(argv)


def limits(service: Service) -> Mapping[str, float]:
    """The manager's waiting times that the definition sets now, by their names in ``Limits``; infinite for ever.

    Those of a container without a compose file stand in its record alone (``Definition.limits``).
    """
    return definition(service).manager.limits() if service.defined is not None else {}


def edited(service: Service, edit: Edit, *, says: str, values: Mapping[str, str]) -> Sequence[Change] | ByHand:
    """The changes of the definition that make the edit, the least surprising place first.

    Variables go to the env file that already sets them, else to a drop-in (systemd), the compose file's
    ``environment``, the supervisor program's ``environment``. Options are edited where they stand: a variable of
    an env file that holds them, the script, a drop-in of the operator's, the compose file's ``command``, the
    supervisor's ``command``; a unit is left as it is and overridden by a drop-in of ours. The changes carry
    risk ``restart``. A container without a compose file is recreated from its record. No changes:
    the definition says so already.
    """
    found = definition(service)
    running = live(service)
    try:
        if service.defined is None:
            raise NotEdited("no-definition")
        # How long others wait can be said of any command, understood or not.
        if (edit.options or edit.environment) and not found.is_clear:
            raise NotEdited(found.start.unclear or "no-definition")
        after = edited_texts(
            service, found, edit, may_add=takes_more(found.command, running.command if running else None)
        )
    except NotEdited as err:
        reason = "unreadable" if err.reason == "masked" else err.reason
    else:
        before = found.manager.texts
        changed = after.differing(before)
        if all(text.ours and text.kind != "record" for text in changed):
            unit = next((text.key for text in before.kind("unit")), "")
            return [write(text, says, values, unit) for text in changed]
        if all(text.kind == "record" and text.ours for text in changed):
            return [recreated(service, before, after, says, values)]
        reason = "no-definition"
    return by_hand.answer(service, found, running, edit, reason)
