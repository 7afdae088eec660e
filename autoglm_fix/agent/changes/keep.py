"""Replacing a path so that it can come back: the old thing is kept on its own filesystem.

Each path is old or new, never half: the new thing is built beside it and renamed over it, after the
old one has been linked (or, where links fail, renamed) into a folder of the journal.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from dataclasses import dataclass, field

from . import CannotChange

_FOLDER = ".autoglm-fix"


@dataclass(frozen=True)
class Inverse:
    """How one path goes back.

    ``kept`` is where the old thing lies, None where there was none; ``made`` are the parent folders
    that had to be made, outermost first; ``staged`` is the name under which the new thing was built,
    ``scratch`` a file of its making that is of no use once that was cut off.
    """

    path: str
    staged: str
    kept: str | None
    made: list[str] = field(default_factory=list)
    scratch: str | None = None


def obstacle(path: str, needed: int) -> str | None:
    """Why ``path`` could not be written now, or None. Writes nothing to find out."""
    folder = os.path.dirname(path) or "."
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        return f"{folder} is not a folder"
    space = os.statvfs(folder)
    if space.f_flag & os.ST_RDONLY:
        return f"the filesystem of {folder} is read-only"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"no permission to write in {folder}"
    free = space.f_bavail * space.f_frsize
    if needed > free:
        return f"{folder} has {_size(free)} free, {_size(needed)} are needed"
    return None


def room_for(path: str, needed: int) -> str:
    """What to do where ``path`` lacks the room for so many bytes; empty where it does not."""
    folder = os.path.dirname(path) or "."
    try:
        space = os.statvfs(folder)
    except OSError:
        return ""
    full = needed > space.f_bavail * space.f_frsize and not space.f_flag & os.ST_RDONLY
    return f"Make room there (df -h {shlex.quote(folder)}), then run again." if full else ""


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def take_after(old: str, handle: int) -> None:
    """Give an open new file the mode and owner of the one it replaces, or of the folder it is in.

    By its handle, not by name: the service's user may own the folder, and could swap a name for a link.
    """
    try:
        was = os.stat(old)
        mode = stat.S_IMODE(was.st_mode)
    except OSError:
        was = os.stat(os.path.dirname(old))
        mode = 0o644
    os.fchmod(handle, mode)
    if os.geteuid() == 0:
        os.fchown(handle, was.st_uid, was.st_gid)


def make_folders(folders: list[str]) -> None:
    """Make missing folders, outermost first, each owned as the one above it."""
    for folder in folders:
        os.mkdir(folder)
        if os.geteuid() == 0:
            above = os.stat(os.path.dirname(folder))
            os.chown(folder, above.st_uid, above.st_gid, follow_symlinks=False)


def keep(path: str, run_folder: str, name: str) -> str | None:
    """Put a second name for what is at ``path`` into the journal; None where nothing is there.

    The journal's own folder is used where it shares the filesystem, else ``.autoglm-fix`` beside the
    path. Folders cannot have a second name, nor can files on filesystems without links: for those
    the name is reserved here, and ``replace`` renames.
    """
    if not os.path.lexists(path):
        return None
    beside = os.path.join(os.path.dirname(path), _FOLDER, os.path.basename(run_folder))
    for folder in (os.path.join(run_folder, "kept"), beside):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        kept = _free(os.path.join(folder, name))
        if os.path.isdir(path) and not os.path.islink(path):
            if os.stat(folder).st_dev == os.stat(path).st_dev:
                return kept
        else:
            try:
                os.link(path, kept, follow_symlinks=False)
                return kept
            except OSError as err:
                if folder == beside and err.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
                    return kept
        _remove_empty(folder)
    raise CannotChange(f"{path} cannot be kept for an undo: no folder on its filesystem takes it")


def _free(path: str) -> str:
    """The path, or one like it that nothing is at: another host that shares the folder numbers its own changes."""
    free, number = path, 0
    while os.path.lexists(free):
        number += 1
        free = f"{path}-{number}"
    return free


def missing_parents(path: str) -> list[str]:
    """The folders above ``path`` that do not exist, outermost first."""
    missing: list[str] = []
    folder = os.path.dirname(path)
    while folder and not os.path.lexists(folder):
        missing.insert(0, folder)
        folder = os.path.dirname(folder)
    return missing


def replace(inverse: Inverse) -> None:
    """Rename the staged thing over the path, the old one being kept already or renamed now."""
    if inverse.kept is not None and not os.path.lexists(inverse.kept):
        os.rename(inverse.path, inverse.kept)
    os.rename(inverse.staged, inverse.path)
    _sync(os.path.dirname(inverse.path))


def put_back(inverse: Inverse) -> None:
    """Bring the old thing back, from any point at which ``replace`` may have been cut off."""
    for left in filter(None, (inverse.staged, inverse.scratch)):
        if os.path.lexists(left):
            os.unlink(left)
    if inverse.kept is None:
        if os.path.lexists(inverse.path):
            os.unlink(inverse.path)
    elif os.path.lexists(inverse.kept):
        if os.path.isdir(inverse.kept) and not os.path.islink(inverse.kept) and os.path.lexists(inverse.path):
            os.unlink(inverse.path)
        os.rename(inverse.kept, inverse.path)
        if os.path.lexists(inverse.kept):  # both names were the same file: rename does nothing
            os.unlink(inverse.kept)
        _remove_empty(os.path.dirname(inverse.kept))
    for folder in reversed(inverse.made):
        try:
            os.rmdir(folder)
        except OSError:
            break
    _sync(os.path.dirname(inverse.path))


def _remove_empty(folder: str) -> None:
    """Remove a folder of kept things that holds nothing any more, and the one above it."""
    for each in (folder, os.path.dirname(folder)):
        if os.path.basename(each) == _FOLDER or each == folder:
            try:
                os.rmdir(each)
            except OSError:
                return


def _sync(folder: str) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
