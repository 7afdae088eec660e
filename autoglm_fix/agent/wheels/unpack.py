"""Carrying a plan out: every file is old or new, never half."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from typing import BinaryIO, Iterator

from ..context import Context
from .aside import above, remove_empty, staged_name
from .layout import Layout
from .plan import Plan
from .wheel import Part, Wheel


def carry_out(ctx: Context, layout: Layout, made: Plan, wheels: list[Wheel]) -> None:
    """Write what comes, then remove what goes. OSError or CannotChange in the middle: what was kept has to go back."""
    mode = stat.S_IMODE(os.stat(layout.site).st_mode) & ~stat.S_ISVTX
    for folder in made.folders:
        os.mkdir(folder)
        os.chmod(folder, mode)
    written: dict[str, list[tuple[str, str, int]]] = {wheel.file: [] for wheel in wheels}
    done = 0
    for wheel, part in made.put:
        digest, size = _write(part.path, mode & (0o777 if part.executable else 0o666), wheel, part)
        written[wheel.file].append((part.path, digest, size))
        done += part.size
        ctx.progress(f"installing {wheel.file}", done, made.size)
    for wheel, part in made.there:
        with open(os.devnull, "wb") as nowhere:
            written[wheel.file].append((part.path, *wheel.write(part, nowhere)))
    for wheel in wheels:
        with replacing(wheel.record, mode & 0o666) as out:
            out.write(wheel.listed(written[wheel.file]))
    for path, text in made.texts.items():
        with replacing(path, mode & 0o666) as out:
            out.write(text)
    put = made.paths | {wheel.record for wheel in wheels}
    gone = [path for path in made.go if path not in put]
    for path in gone:
        os.unlink(path)
    remove_empty([folder for folder in [*above(gone), *made.leaving] if _may_go(folder, layout)])
    _sync(layout.site)


def _write(path: str, mode: int, wheel: Wheel, part: Part) -> tuple[str, int]:
    with replacing(path, mode) as out:
        return wheel.write(part, out)


@contextlib.contextmanager
def replacing(path: str, mode: int) -> Iterator[BinaryIO]:
    """A file to write that takes its place in one go, once it is whole."""
    staged = staged_name(path)
    if os.path.lexists(staged):
        os.unlink(staged)
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        os.fchmod(handle, mode)
        yield out
    os.rename(staged, path)


def _may_go(folder: str, layout: Layout) -> bool:
    """Whether a folder is one that wheels bring: inside the environment, and none of its own."""
    own = (layout.root, layout.site, layout.scripts)
    return layout.holds(folder) and not any(each == folder or each.startswith(folder + "/") for each in own)


def _sync(folder: str) -> None:
    """Have the whole filesystem written down before the journal says that it was."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
        if syncfs is not None:
            syncfs(handle)
    finally:
        os.close(handle)
