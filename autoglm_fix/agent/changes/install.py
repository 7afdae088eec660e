"""install: wheels put in the place of distributions, as the environment's owner, without running anything of it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Iterator

from ..context import Context
from ..installed.distributions import normal
from ..wheels import records
from ..wheels.layout import Layout
from ..wheels.owner import acting_as_owner, name_of, switches
from . import CannotChange, Preview

_CHUNK = 1 << 20
# What the files of a wheel take at least, as a multiple of the wheel's own size.
_UNPACKED = 2


@dataclass(frozen=True)
class _Kept:
    """Where the files of each environment are kept: said by ``before``, needed by ``make``."""

    places: dict[str, str] = field(default_factory=dict)

    @classmethod
    def collect(cls, ctx: Context) -> _Kept:
        return cls()


@dataclass(frozen=True)
class Install:
    """Change the versions of some distributions of an environment, and nothing else of it.

    ``path`` is the environment's folder, ``site`` the one where its distributions lie, ``python`` its interpreter
    as the service names it. ``pins`` are dicts with ``name``, ``version`` (None: it goes), ``before`` (None: it is
    new), ``info`` (the name of its metadata folder in ``site``, empty where it has none there), ``file``, ``url``,
    ``sha256``, ``size`` (None: unknown) and ``why``. ``source`` says how the wheels come: ``index`` (this host
    fetches each from its ``url``) or ``parcels`` (they have been sent). ``lock`` is the text of the lock file that
    goes to ``lock_path``, empty for none.
    """

    path: str
    site: str
    python: str
    pins: list[dict[str, Any]]
    source: str = "index"
    lock: str = ""
    lock_path: str = ""
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "install"
    risk: ClassVar[str] = "restart"
    undo: ClassVar[str] = "exact"

    def preview(self, ctx: Context) -> Preview:
        problem, hint = self._obstacle(ctx)
        return Preview(self.table(), problem, hint)

    def before(self, ctx: Context, folder: str) -> dict[str, Any]:
        from ..wheels import aside

        problem, hint = self._obstacle(ctx)
        if problem:
            raise CannotChange(problem, hint or "")
        kept = aside.place_for(self.site, self._layout.root, folder, switches(self.site))
        ctx.fact(_Kept).places[self.path] = kept
        return {"site": self.site, "kept": kept, "names": [pin["name"] for pin in self.pins]}

    def make(self, ctx: Context) -> None:
        from ..wheels import aside
        from ..wheels.plan import plan
        from ..wheels.unpack import carry_out
        from ..wheels.wheel import Wheel

        changed = records.moved_on(self.site, self.pins)
        if changed:
            raise CannotChange(changed, hint="run again to plan anew")
        with contextlib.ExitStack() as open_files:
            sources = [(pin["file"], open_files.enter_context(self._wheel(ctx, pin))) for pin in self._coming]
            with acting_as_owner(self.site), _as_cannot_change(self.site):
                wheels = [Wheel(source, file, self._layout) for file, source in sources]
                texts = {self.lock_path: self.lock.encode()} if self.lock_path else {}
                made = plan(self._layout, self.pins, wheels, texts)
                self._has_room(made.size)
                aside.keep(ctx, ctx.fact(_Kept).places[self.path], made)
                carry_out(ctx, self._layout, made, wheels)
        for pin in self._coming:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(ctx.parcels, pin["sha256"]))

    @classmethod
    def put_back(cls, ctx: Context, before: dict[str, Any]) -> None:
        from ..wheels import aside

        if os.path.isdir(before["site"]):
            with acting_as_owner(before["site"]):
                aside.put_back(ctx, before["kept"])

    @classmethod
    def fingerprint(cls, ctx: Context, before: dict[str, Any]) -> list[Any]:
        """The metadata of the distributions concerned: their folders, and when their lists of files were written."""
        try:
            there = records.infos(before["site"])
        except OSError:
            return ["absent"]
        found: list[Any] = []
        for name in before["names"]:
            for info in there.get(normal(name), ()):
                with contextlib.suppress(OSError):
                    list_of_files = os.path.join(info, "RECORD")
                    seen = os.stat(list_of_files if os.path.exists(list_of_files) else info)
                    found.append([os.path.basename(info), seen.st_size, seen.st_mtime_ns])
        return found

    def table(self) -> str:
        """What changes, as people read it: package, from, to, size and why."""
        rows = [("package", "from", "to", "size", "why")]
        rows += [
            (pin["name"], pin["before"] or "-", pin["version"] or "-", _size(pin), pin["why"]) for pin in self.pins
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]).rstrip() for row in rows
        )

    @property
    def _layout(self) -> Layout:
        return Layout(self.site, self.python)

    @property
    def _coming(self) -> list[dict[str, Any]]:
        return [pin for pin in self.pins if pin["version"] is not None]

    def _obstacle(self, ctx: Context) -> tuple[str | None, str | None]:
        """Why it could not be made now and what would help, as far as can be told without the wheels."""
        if not os.path.isdir(self.site):
            return f"{self.site} is not there", None
        layout = self._layout
        series = os.path.dirname(self.site)
        own = os.path.exists(os.path.join(layout.root, "pyvenv.cfg"))
        if not own and os.path.exists(os.path.join(series, "EXTERNALLY-MANAGED")):
            return f"{layout.root} is managed by the system's own packages", None
        disk = os.statvfs(self.site)
        if disk.f_flag & os.ST_RDONLY:
            return f"the filesystem of {self.site} is read-only", None
        for folder in (self.site, layout.scripts):
            if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
                owner = name_of(os.stat(folder).st_uid)
                return f"no permission to write in {folder}, which belongs to {owner}", "run again with --become"
        changed = records.moved_on(self.site, self.pins)
        if changed:
            return changed, "run again to plan anew"
        return self._no_room(ctx), None

    def _no_room(self, ctx: Context) -> str | None:
        """Why the wheels and what is in them find no room, as far as their sizes are known."""
        parcels = ctx.parcels or self.site
        there = [pin["sha256"] for pin in self._coming if os.path.exists(os.path.join(parcels, pin["sha256"]))]
        sizes = {pin["sha256"]: pin["size"] or 0 for pin in self._coming}
        while not os.path.isdir(parcels):
            parcels = os.path.dirname(parcels)
        needed: dict[int, tuple[str, int]] = {}
        coming = sum(size for sha256, size in sizes.items() if sha256 not in there)
        for folder, size in ((self.site, sum(sizes.values()) * _UNPACKED), (parcels, coming)):
            device = os.stat(folder).st_dev
            known = needed.get(device, (folder, 0))
            needed[device] = (known[0], known[1] + size)
        for folder, size in needed.values():
            free = _free(folder)
            if size > free:
                return f"{folder} has {free} bytes free, at least {size} are needed"
        return None

    def _has_room(self, size: int) -> None:
        free = _free(self.site)
        if size > free:
            raise CannotChange(f"{self.site} has {free} bytes free, {size} are needed")

    @contextlib.contextmanager
    def _wheel(self, ctx: Context, pin: dict[str, Any]) -> Iterator[BinaryIO]:
        """A wheel that is here, checked by its digest, open for reading."""
        path = os.path.join(ctx.parcels, pin["sha256"])
        if not os.path.exists(path):
            if self.source != "index":
                raise CannotChange(f"{pin['file']} has not come")
            self._fetch(ctx, pin, path)
        with open(path, "rb") as source:
            digest = hashlib.sha256()
            for data in iter(lambda: source.read(_CHUNK), b""):
                digest.update(data)
            if digest.hexdigest() != pin["sha256"]:
                os.unlink(path)
                raise CannotChange(f"{pin['file']} is not what was planned: its sha256 is {digest.hexdigest()}")
            source.seek(0)
            yield source

    def _fetch(self, ctx: Context, pin: dict[str, Any], path: str) -> None:
        from .transfer import Transfer

        if not ctx.parcels:
            raise CannotChange(f"{pin['file']} cannot be fetched: there is no folder for it")
        try:
            os.makedirs(ctx.parcels, mode=0o700, exist_ok=True)
            with open(path + ".part", "w+b", buffering=0) as out:
                Transfer(ctx, pin["file"], pin["size"], trusted=True).from_web(pin["url"], out)
            os.rename(path + ".part", path)
        except OSError as err:
            raise CannotChange(f"{pin['file']} cannot be kept in {ctx.parcels}: {err.strerror}") from err


@contextlib.contextmanager
def _as_cannot_change(site: str) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        full = err.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "no space is left" if full else err.strerror or str(err)
        raise CannotChange(f"{err.filename or site}: {what}") from err


def _free(folder: str) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _size(pin: dict[str, Any]) -> str:
    """A wheel's size as people write it, "-" where it is unknown or none comes."""
    size = pin["size"]
    if size is None or pin["version"] is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.1f} {unit}" if unit != "B" and size < 100 else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
