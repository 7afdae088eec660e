"""What putting wheels into an environment does to its files: worked out in full before the first one changes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Iterable, Sequence

from ..changes import CannotChange
from ..installed.distributions import normal
from . import records
from .layout import Layout
from .wheel import Part, Wheel


@dataclass
class Plan:
    """``put`` are the parts to write, each with its wheel, ``go`` the files of now that go or are replaced.

    ``there`` are parts that another distribution has brought already, byte for byte; ``new`` are paths where
    nothing is yet, and ``folders`` those that have to be made, outermost first. ``texts`` are files of our own,
    ``leaving`` the metadata folders of what goes, which may be empty already.
    """

    put: list[tuple[Wheel, Part]] = field(default_factory=list)
    there: list[tuple[Wheel, Part]] = field(default_factory=list)
    go: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    texts: dict[str, bytes] = field(default_factory=dict)
    leaving: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes that will be written."""
        return sum(part.size for _, part in self.put)

    @property
    def paths(self) -> set[str]:
        """All files that will be written, but for the wheels' lists of files."""
        return {*(part.path for _, part in self.put), *self.texts}


def plan(layout: Layout, pins: Sequence[dict[str, Any]], wheels: Sequence[Wheel], texts: dict[str, bytes]) -> Plan:
    """CannotChange where the wheels would take files of distributions that stay, or of each other."""
    there = records.infos(layout.site)
    names = {normal(pin["name"]) for pin in pins}
    leaving = [info for name in sorted(names) for info in there.get(name, ())]
    claimed = records.claims(
        layout.site, (info for name, infos in there.items() if name not in names for info in infos)
    )
    made = Plan(texts=texts, leaving=[info for info in leaving if os.path.isdir(info)])
    made_by: dict[str, tuple[Wheel, Part]] = {}
    for wheel in wheels:
        for part in wheel.parts():
            other = made_by.get(part.path)
            if other is not None:
                if _differs(part, wheel, b"".join(other[0].content(other[1]))):
                    raise CannotChange(f"{wheel.file} and {other[0].file} both bring {part.path}, and differ in it")
                made.there.append((wheel, part))
            elif part.path in claimed and os.path.lexists(part.path):
                if _differs(part, wheel, None):
                    raise CannotChange(f"{wheel.file} brings {part.path}, which belongs to {claimed[part.path]}")
                made.there.append((wheel, part))
            else:
                made_by[part.path] = (wheel, part)
                made.put.append((wheel, part))
    put = made.paths | {wheel.record for wheel in wheels}
    go = {path for info in leaving for path in _files(layout, info, wheels, put, claimed)}
    go |= {path for path in put if os.path.lexists(path)}
    go |= set(records.compiled(go | put))
    made.go = sorted(path for path in go if layout.holds(path) and path not in claimed and _is_file(path))
    made.new = sorted(put - set(made.go))
    made.folders = _missing(put)
    return made


def _is_file(path: str) -> bool:
    return os.path.islink(path) or os.path.isfile(path)


def _differs(part: Part, wheel: Wheel, other: bytes | None) -> bool:
    """Whether a part is not, byte for byte, what is there."""
    if other is None:
        try:
            if os.stat(part.path).st_size != part.size:
                return True
            with open(part.path, "rb") as source:
                other = source.read()
        except OSError:
            return True
    return b"".join(wheel.content(part)) != other


def _files(layout: Layout, info: str, wheels: Sequence[Wheel], put: set[str], claimed: dict[str, str]) -> list[str]:
    """The files of a distribution that goes. Without a list: what lies where the wheel of that name goes, unclaimed."""
    listed = records.files_of(layout.site, info)
    if listed is not None:
        return listed
    name = normal(os.path.basename(info).partition("-")[0])
    mine = [wheel for wheel in wheels if normal(wheel.info.partition("-")[0]) == name]
    if not mine or info.endswith(".egg"):
        raise CannotChange(f"{info} has no list of its files", hint="make the environment anew")
    inside = layout.site + "/"
    tops = {path[len(inside) :].partition("/")[0] for path in put if path.startswith(inside)}
    tops = {top for top in tops if any(_brings(wheel, layout, top) for wheel in mine)}
    shared = {path[len(inside) :].partition("/")[0] for path in claimed if path.startswith(inside)}
    tops -= shared
    found = [path for top in tops for path in records.below(os.path.join(layout.site, top)) if path not in claimed]
    return [*records.below(info), *found]


def _brings(wheel: Wheel, layout: Layout, top: str) -> bool:
    place = os.path.join(layout.site, top)
    return any(part.path == place or part.path.startswith(place + "/") for part in wheel.parts())


def _missing(paths: Iterable[str]) -> list[str]:
    """The folders above these paths that do not exist, outermost first. CannotChange where one cannot be made."""
    missing = set()
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            raise CannotChange(f"{path} is a folder where a file belongs")
        folder = os.path.dirname(path)
        while folder not in missing and not os.path.isdir(folder):
            if os.path.lexists(folder):
                raise CannotChange(f"{folder} is no folder, and one belongs there")
            missing.add(folder)
            folder = os.path.dirname(folder)
    return sorted(missing)
