"""The small text files of a model's folder: what stands in them, for facts about settings."""

from __future__ import annotations

import hashlib
import os
import stat

from ..context import Context
from ..formats import stand_in
from ..model.folder import locate
from ..reach import Reach, Who
from ..unknown import CannotTell
from .text_file import LONGEST, TextFile


class TextFiles:
    """The folder of a service's model, by its text files."""

    def __init__(self, ctx: Context, folder: str | None = None) -> None:
        """``folder`` is another one than the service's model, as the service sees it.

        Raises CannotTell where the service names no model, or its folder is not there.
        """
        self._reach = Reach(ctx.view, Who(ctx.service.user))
        if folder is None:
            folder = locate(ctx, self._reach.who, self._reach).inside
        reached = self._reach.follow(folder)
        if reached.seen is None:
            raise CannotTell(f"the model's folder {folder} is not there")
        self.inside = folder
        self.host = reached.host
        self.is_folder = stat.S_ISDIR(reached.seen.st_mode)

    def size(self, name: str) -> int | None:
        """The file's size in bytes, None where there is none."""
        seen = self._reach.follow(os.path.join(self.inside, name)).seen if self.is_folder else None
        return seen.st_size if seen is not None and stat.S_ISREG(seen.st_mode) else None

    def names(self, folder: str, end: str) -> list[str]:
        """The files of a folder below, by the end of their names."""
        try:
            found = os.listdir(self._reach.follow(os.path.join(self.inside, folder)).seen_at)
        except OSError:
            return []
        return sorted(os.path.join(folder, name) for name in found if name.endswith(end) and name.isprintable())

    def read(self, name: str, longest: int = LONGEST) -> TextFile:
        """The file of that name, up to ``longest`` bytes. CannotTell where it cannot be read."""
        file, raw = self.read_bytes(name, longest)
        if file.state not in ("ok", "empty"):
            return file
        try:
            return TextFile(name, file.inside, file.host, file.state, raw.decode("utf-8"), file.sha256)
        except UnicodeDecodeError as err:
            return TextFile(name, file.inside, file.host, "not-text", "", file.sha256, f"byte {err.start}")

    def read_bytes(self, name: str, longest: int) -> tuple[TextFile, bytes]:
        """The file with its bytes in place of its text."""
        inside = os.path.join(self.inside, name)
        host = None if self.host is None else os.path.join(self.host, name)
        if not self.is_folder:
            return TextFile(name, inside, host, "missing"), b""
        reached = self._reach.follow(inside)
        if reached.seen is None:
            return TextFile(name, inside, host, "missing", detail=reached.dangling or ""), b""
        if not stat.S_ISREG(reached.seen.st_mode):
            return TextFile(name, inside, host, "not-a-file"), b""
        if reached.seen.st_size > longest:
            return TextFile(name, inside, host, "too-large", detail=f"{reached.seen.st_size} bytes"), b""
        try:
            with open(reached.seen_at, "rb") as source:
                raw = source.read(longest)
        except OSError as err:
            raise CannotTell(f"cannot read {reached.seen_at}: {err.strerror}") from err
        instead = stand_in(raw[:1024], len(raw), "text")
        state = "ok" if raw.strip() else "empty"
        if instead is not None:
            state = "pointer" if instead.state == "lfs-pointer" else "page"
        return TextFile(name, inside, host, state, "", hashlib.sha256(raw).hexdigest()), raw
