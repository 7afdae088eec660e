"""What the service sees: the same file under the service's name for it and under the host's."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A path as a pair. Findings name ``inside``; changes act on ``host``.

    ``host`` is None where no path of the host leads there (a file in an image layer).
    """

    inside: str
    host: str | None

    def __truediv__(self, name: str) -> Place:
        host = None if self.host is None else os.path.join(self.host, name)
        return Place(os.path.join(self.inside, name), host)


@dataclass(frozen=True)
class View:
    """Maps the service's paths to the host's.

    ``pending`` holds links that a plan would make but has not made yet (link -> target), so that a
    dry-run can look at the folder a service *would* see. The longest prefix wins.
    """

    pending: dict[str, str] = field(default_factory=dict)

    def place(self, inside: str) -> Place:
        """The pair for a path as the service writes it."""
        return Place(inside, self.through(inside))

    def through(self, inside: str) -> str:
        """The path by which the same file can be opened now, before the pending links are made."""
        path = os.path.normpath(inside)
        for link in sorted(self.pending, key=len, reverse=True):
            if path == link or path.startswith(link.rstrip("/") + "/"):
                return os.path.normpath(self.pending[link] + path[len(link) :])
        return path
