"""How the service reaches a path: link by link in its own view, and what keeps its user out."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass

from .unknown import CannotTell
from .view import View

_READ, _ENTER = 4, 1
_MOST_LINKS = 40


class Who:
    """A user of the host by name or number (``user`` or ``user:group``); None is whoever runs the agent.

    ``1000:1000,44`` is a container's user: its numbers are all that the host knows of it.
    """

    def __init__(self, user: str | None) -> None:
        named, _, groups = (user or "").partition(":")
        self.name = named or str(os.geteuid())
        self.home = os.path.expanduser("~")
        self.uid: int | None = os.geteuid()
        self.groups: frozenset[int] = frozenset([os.getegid(), *os.getgroups()])
        numbers = groups.split(",")
        numeric = named.isascii() and named.isdigit()
        if numeric and all(number.isascii() and number.isdigit() for number in numbers):
            self.uid, self.groups = int(named), frozenset(map(int, numbers))
            return
        try:
            entry = pwd.getpwnam(named) if named and not numeric else pwd.getpwuid(int(named or os.geteuid()))
        except (KeyError, OverflowError):
            # A user that only a container knows: nothing can be said of what it may read.
            self.uid = int(named) if named.isascii() and named.isdigit() else self.uid if not named else None
            self.groups = frozenset() if named else self.groups
            return
        self.name = entry.pw_name
        if named:
            # Whoever runs the agent keeps the HOME that it was started with.
            self.uid, self.home = entry.pw_uid, entry.pw_dir
            self.groups = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))

    def may(self, path: str, seen: os.stat_result, wanted: int) -> bool:
        """Whether mode, owner and access list let the user do that; True where nobody can say."""
        if self.uid is None or self.uid == 0:
            return True
        if seen.st_uid == self.uid:
            return bool(seen.st_mode >> 6 & wanted)
        try:
            raw = os.getxattr(path, "system.posix_acl_access")
        except OSError:
            raw = b""
        if raw:
            from .access_list import says

            listed = says(raw, self.uid, self.groups, wanted)
            if listed is not None:
                return listed
        if seen.st_gid in self.groups:
            return bool(seen.st_mode >> 3 & wanted)
        return bool(seen.st_mode & wanted)


@dataclass(frozen=True)
class Reached:
    """The end of a path. ``seen`` is None where nothing is there.

    ``host`` is the path without links (where nothing is there: the one that would have to exist), None where
    it lies in a container's image; ``seen_at`` is where the agent can open it now. ``link`` is the text of
    the path's last part where that is a link. ``dangling`` names the link that leads to nothing, and
    ``barrier`` the first path that the user may not pass: by the host where it has a path for them.
    """

    host: str | None
    seen_at: str
    seen: os.stat_result | None
    link: str | None = None
    dangling: str | None = None
    barrier: str = ""


class Reach:
    """Follows paths for one user, remembering the folders it has passed. Reads metadata only."""

    def __init__(self, view: View, who: Who) -> None:
        self.view = view
        self.who = who
        self._known: dict[str, tuple[str | os.stat_result | None, str]] = {}

    def follow(self, inside: str) -> Reached:
        """Where the absolute path leads. CannotTell where the agent itself may not look."""
        waiting = [part for part in inside.split("/") if part not in ("", ".")][::-1]
        at, barrier, link = "/", "", None
        links: list[tuple[str, int]] = []
        while waiting:
            part = waiting.pop()
            if part == "..":
                at = os.path.dirname(at)
                continue
            path = os.path.join(at, part)
            seen, blocked = self._look(path, folder=bool(waiting))
            barrier = barrier or blocked
            if isinstance(seen, str):
                if len(links) >= _MOST_LINKS:
                    return self._reached(path, None, link or seen, self._name(path), barrier)
                if not waiting and link is None:
                    link = seen
                links.append((self._name(path), len(waiting)))
                waiting += [each for each in seen.split("/") if each not in ("", ".")][::-1]
                at = "/" if seen.startswith("/") else at
            elif seen is None:
                # Missing inside the text of a link: the link is at fault, not the path behind it.
                outer = [name for name, left in links if len(waiting) >= left and not barrier]
                missing = os.path.join(path, *waiting[::-1])
                return self._reached(missing, None, link, outer[0] if outer else None, barrier)
            else:
                at = path
        seen, _ = self._look(at, folder=False)
        if not barrier and isinstance(seen, os.stat_result) and not self.who.may(self._opened_by(at), seen, _READ):
            barrier = self._name(at)
        return self._reached(at, None if isinstance(seen, str) else seen, link, None, barrier)

    def closed(self, reached: Reached) -> str:
        """The end of a path where that is a folder which the user may not enter, else nothing."""
        seen = reached.seen
        if seen is None or not stat.S_ISDIR(seen.st_mode) or self.who.may(reached.seen_at, seen, _ENTER):
            return ""
        return reached.host or reached.seen_at

    def _reached(
        self, at: str, seen: os.stat_result | None, link: str | None, dangling: str | None, barrier: str
    ) -> Reached:
        return Reached(self.view.place(at).host, self._opened_by(at), seen, link, dangling, barrier)

    def _name(self, inside: str) -> str:
        """What a person on the host calls it; where they have no path for it, as the service does."""
        return self.view.place(inside).host or inside

    def _opened_by(self, inside: str) -> str:
        """Where to look; nothing where only that it is there can be told."""
        try:
            return self.view.through(inside)
        except CannotTell:
            container = self.view.container
            if container is None or not container.leads_to_a_mount(inside):
                raise
            return ""

    def _look(self, path: str, folder: bool) -> tuple[str | os.stat_result | None, str]:
        """A link's text, a file's metadata or None, and the path itself where it is a folder the user may not enter."""
        if path in self.view.pending:
            return self.view.pending[path], ""
        known = self._known.get(path)
        if known is None:
            host = self._opened_by(path)
            seen: str | os.stat_result | None
            try:
                seen = os.lstat(host)
                if stat.S_ISLNK(seen.st_mode):
                    seen = os.readlink(host)
            except (FileNotFoundError, NotADirectoryError):
                # The folders above a pending link are made with it, those above a mount by the
                # container's engine; they will be like the root's.
                ahead = any(link.startswith(path.rstrip("/") + "/") for link in self.view.pending)
                made = self.view.container is not None and self.view.container.leads_to_a_mount(path)
                seen = os.stat("/") if ahead or made else None
            except OSError as err:
                if err.errno is not None and self.who.uid == os.geteuid() and self.view.container is None:
                    return None, os.path.dirname(host)
                raise CannotTell(f"{host}: {err.strerror}; the agent's user may not look there") from err
            blocked = ""
            if isinstance(seen, os.stat_result) and stat.S_ISDIR(seen.st_mode):
                blocked = "" if self.who.may(host, seen, _ENTER) else self._name(path)
            known = self._known[path] = seen, blocked
        return known[0], known[1] if folder else ""
