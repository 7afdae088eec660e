"""What the service sees: the same file under the service's name for it and under the host's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .inside import Inside


@dataclass(frozen=True)
class Place:
    """A path as a pair. Findings name ``inside``; changes act on ``host``.

    ``host`` is None where no path of the host leads there (a file in an image layer).
    """

    inside: str
    host: str | None

    # For the controller.
    def __truediv__(self, name: str) -> Place:
        host = None if self.host is None else os.path.join(self.host, name)
        return Place(os.path.join(self.inside, name), host)


@dataclass(frozen=True)
class View:
    """Maps the service's paths to the host's.

    ``pending`` holds links that a plan would make but has not made yet (link -> target, both as the service
    sees them), so that a dry-run can look at the folder a service *would* see. The longest prefix
    wins. ``container`` is what stands between the two, None for a service of the host itself.
    """

    pending: dict[str, str] = field(default_factory=dict)
    container: Inside | None = None

    def place(self, inside: str) -> Place:
        """The pair for a path as the service writes it."""
        path = self.ahead(inside)
        return Place(inside, path if self.container is None else self.container.host(path))

    def through(self, inside: str) -> str:
        """The path by which the same file can be opened now, before the pending links are made.

        CannotTell for a file in an image layer of a container that does not run, where nobody can look.
        """
        path = self.ahead(inside)
        return path if self.container is None else self.container.opened_by(path)

    def names(self, host: str) -> list[str]:
        """What the service calls a path of the host; nothing where it does not see it."""
        return [host] if self.container is None else self.container.names(host)

    def ahead(self, inside: str) -> str:
        """The path by which the service itself can open the same file now, before the pending links are made."""
        path = os.path.normpath(inside)
        for link in sorted(self.pending, key=len, reverse=True):
            if path == link or path.startswith(link.rstrip("/") + "/"):
                return os.path.normpath(self.pending[link] + path[len(link) :])
        return path
