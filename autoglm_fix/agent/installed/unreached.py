"""Why a service's Python cannot be reached."""

from __future__ import annotations

from ..reach import Reached, Who
from ..unknown import CannotTell


def why(reached: Reached, who: Who, inside: str) -> CannotTell:
    """By what was found on the way to it, where nothing was at the end."""
    if reached.dangling is not None:
        return CannotTell(f"the service's Python {inside} is a link to nothing")
    if reached.barrier:
        return CannotTell(f"{reached.barrier} keeps {who.name} from the service's Python {inside}")
    return CannotTell(f"the service's Python {inside} is not there")
