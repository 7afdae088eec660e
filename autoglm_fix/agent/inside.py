"""A container's files: folders of the host that are mounted into it, and the layers of its image below them."""

from __future__ import annotations

import os
from typing import Mapping

from .reach import Reach, Reached
from .unknown import CannotTell
from .view import Place


class Inside:
    """The files of one container, running or not.

    ``mounts`` leads from paths inside to the host's, None for a filesystem in memory. ``pid`` is a process in
    it, 0 where none runs; ``graph`` is what its engine says of its layers (``GraphDriver.Data``). ``why`` is why
    nothing at all can be told of it.
    """

    def __init__(
        self, name: str, mounts: Mapping[str, str | None], pid: int, graph: Mapping[str, str], why: str = ""
    ) -> None:
        self.name = name
        self._why = why
        self.pid = pid
        self.mounts = {os.path.normpath(inside): host for inside, host in mounts.items()}
        self._graph = graph
        self._root = f"/proc/{pid}/root" if pid else ""

    def host(self, path: str) -> str | None:
        """The host's path of a normal absolute path inside, None where it lies in a layer or in memory."""
        mount = self._mount(path)
        host = None if mount is None else self.mounts[mount]
        return None if mount is None or host is None else os.path.normpath(host + path[len(mount.rstrip("/")) :])

    def opened_by(self, path: str) -> str:
        """The path by which the agent can open it now. CannotTell where there is none.

        The layers are only looked at link by link (``Reach``): an absolute link would lead back to the host.
        """
        host = self.host(path)
        if host is not None:
            return host
        if self._why:
            raise CannotTell(f"what {self.name} sees at {path} cannot be told: {self._why}")
        if not self._root:
            if self._mount(path) is not None:
                raise CannotTell(f"{path} lies in the memory of the container {self.name}, which does not run")
            from .layers import mounted

            self._root = mounted(self.name, path, self._graph)
        return self._root + path

    def leads_to_a_mount(self, path: str) -> bool:
        """Whether it is a mount, or a folder above one: it is there whatever the layers hold."""
        return any(mount == path or mount.startswith(path.rstrip("/") + "/") for mount in self.mounts)

    def names(self, host: str) -> list[str]:
        """What a path of the host is called inside, once for each mount that shows it."""
        real = os.path.realpath(os.path.dirname(host)) + "/" + os.path.basename(host)
        found = []
        for inside, source in self.mounts.items():
            for path in (host, real):
                base = (source or "").rstrip("/")
                if source is not None and (path == source or path.startswith(base + "/")):
                    found.append(os.path.normpath(inside + "/" + path[len(base) :].lstrip("/")))
        return list(dict.fromkeys(each for each in found if self.host(each) in (host, real)))

    def _mount(self, path: str) -> str | None:
        above = [mount for mount in self.mounts if path == mount or path.startswith(mount.rstrip("/") + "/")]
        return max(above, key=len) if above else None


def place_of(reach: Reach, inside: str, reached: Reached) -> Place:
    """A path of a container as a pair. Its links mean nothing to the host, whose path is the one without them."""
    if reached.dangling is None:
        return Place(inside, reached.host)
    above = reach.follow(os.path.dirname(inside))
    if above.dangling is not None:
        return reach.view.place(inside)
    return Place(inside, None if above.host is None else os.path.join(above.host, os.path.basename(inside)))
