"""Files kept aside, so that an environment comes back to the byte, without a network.

They get a second name (a hard link) in a folder on their own filesystem: nothing is ever written into a file
that is there, only renamed over it, so the second name keeps what was. Where links fail they are copied.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
from typing import Any, Sequence

from ..changes import CannotChange
from ..context import Context
from .plan import Plan
from .records import compiled

_FOLDER = ".autoglm-fix"
_CLONE = 0x40049409  # FICLONE of <linux/fs.h>
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


def place_for(site: str, root: str, folder: str, switched: bool) -> str:
    """Where an environment's files are kept: in the journal's ``folder``, else beside the environment's own.

    ``switched``: somebody else than the agent's user will keep them, who cannot reach the journal.
    """
    above = folder
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    if not switched and os.stat(above).st_dev == os.stat(site).st_dev:
        return folder
    ours, own = os.stat(root), os.stat(site)
    base = root if (ours.st_dev, ours.st_uid) == (own.st_dev, own.st_uid) else site
    run = os.path.basename(os.path.dirname(os.path.dirname(folder)))
    return os.path.join(base, _FOLDER, f"{run}-{os.path.basename(folder)}")


def keep(ctx: Context, kept: str, made: Plan) -> None:
    """Keep what a plan takes away or replaces, and write down what it brings. CannotChange where that fails."""
    os.makedirs(os.path.join(kept, "files"), mode=0o700)
    old: list[list[Any]] = []
    copying = False
    for number, path in enumerate(made.go):
        second = os.path.join(kept, "files", str(number))
        if not _link(path, second):
            if not copying:
                _check_room(kept, made.go[number:])
                copying = True
            _copy(path, second)
        old.append([path, number])
        ctx.progress("keeping files", number + 1, len(made.go), "files")
    modes = {folder: stat.S_IMODE(os.stat(folder).st_mode) for folder in [*above(made.go), *made.leaving]}
    manifest = {"old": old, "new": made.new, "made": made.folders, "modes": modes}
    path = os.path.join(kept, "manifest.json")
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(manifest, out)
        out.flush()
        os.fsync(out.fileno())
    os.rename(path + ".new", path)


def put_back(ctx: Context, kept: str) -> None:
    """Bring back what was kept, from any point at which that was cut off. Nothing is left of what came since."""
    try:
        with open(os.path.join(kept, "manifest.json"), encoding="utf-8") as source:
            manifest = json.load(source)
    except (FileNotFoundError, NotADirectoryError):
        _forget(kept)
        return
    waiting = [(path, os.path.join(kept, "files", str(number))) for path, number in manifest["old"]]
    there = {path for path, _ in waiting}
    for path in [*manifest["new"], *there]:
        if os.path.lexists(staged_name(path)):
            os.unlink(staged_name(path))
    for path in [*manifest["new"], *compiled([*manifest["new"], *there])]:
        if path not in there and _is_file(path):
            os.unlink(path)
    _make_folders(manifest["modes"])
    for number, (path, second) in enumerate(waiting):
        if os.path.lexists(second):
            _bring_back(second, path)
        ctx.progress("putting files back", number + 1, len(waiting), "files")
    remove_empty([*manifest["made"], *(os.path.join(folder, "__pycache__") for folder in manifest["made"])])
    _forget(kept)


def staged_name(path: str) -> str:
    """Under which name a file is written until it is whole."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.autoglm-fix-new")


def above(paths: Sequence[str]) -> list[str]:
    """All folders above these paths, outermost first."""
    found: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in found and folder != "/":
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found)


def remove_empty(folders: Sequence[str]) -> None:
    """Remove those of these folders that hold nothing, innermost first."""
    for folder in sorted(set(folders), reverse=True):
        try:
            os.rmdir(folder)
        except OSError:
            continue


def _link(path: str, second: str) -> bool:
    """Give a file a second name; False where its filesystem or another one's place does not allow that."""
    try:
        os.link(path, second, follow_symlinks=False)
    except OSError as err:
        if err.errno not in _NO_LINKS:
            raise CannotChange(f"{path} cannot be kept for an undo: {err.strerror}") from err
        return False
    return True


def _check_room(kept: str, paths: Sequence[str]) -> None:
    needed = sum(os.lstat(path).st_size for path in paths)
    disk = os.statvfs(kept)
    free = disk.f_bavail * disk.f_frsize
    if needed > free:
        raise CannotChange(f"{kept} has {free} bytes free, and copies for an undo need {needed}")


def _copy(path: str, second: str) -> None:
    """Copy a file with all that belongs to it, sharing its blocks where the filesystem can."""
    found = os.lstat(path)
    if os.geteuid() not in (0, found.st_uid):
        raise CannotChange(f"{path} cannot be kept for an undo: it belongs to another user than the environment")
    try:
        if not (stat.S_ISREG(found.st_mode) and _cloned(path, second)):
            shutil.copyfile(path, second, follow_symlinks=False)
        shutil.copystat(path, second, follow_symlinks=False)
        os.chown(second, found.st_uid, found.st_gid, follow_symlinks=False)
    except OSError as err:
        raise CannotChange(f"{path} cannot be kept for an undo: {err.strerror}") from err


def _cloned(path: str, second: str) -> bool:
    with open(path, "rb") as source, open(second, "wb") as out:
        try:
            fcntl.ioctl(out.fileno(), _CLONE, source.fileno())
        except OSError:
            return False
    return True


def _bring_back(second: str, path: str) -> None:
    try:
        os.rename(second, path)
    except OSError as err:
        if err.errno != errno.EXDEV:
            raise
        # It was copied from another filesystem: there again, and in place in one go.
        _copy(second, staged_name(path))
        os.rename(staged_name(path), path)
    if os.path.lexists(second):  # copied, or both names were the same file, and rename did nothing
        os.unlink(second)


def _make_folders(modes: dict[str, int]) -> None:
    """Make the folders again that went because nothing was left in them."""
    for folder, mode in sorted(modes.items()):
        if not os.path.isdir(folder):
            os.makedirs(folder)
            os.chmod(folder, mode)


def _is_file(path: str) -> bool:
    return os.path.islink(path) or os.path.isfile(path)


def _forget(kept: str) -> None:
    """Remove the folder of what was kept, its manifest first, and those above that hold nothing then."""
    manifest = os.path.join(kept, "manifest.json")
    if os.path.lexists(manifest):
        os.unlink(manifest)
    shutil.rmtree(kept, ignore_errors=True)
    for folder in (os.path.dirname(kept), os.path.dirname(os.path.dirname(kept))):
        if os.path.basename(folder) in (_FOLDER, "kept"):
            remove_empty([folder])
