"""A wheel as the files that it puts into an environment."""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Iterator

from ..changes import CannotChange
from .layout import Layout

_CHUNK = 1 << 20
# Made anew by whoever installs, or signatures of what the digest of the whole wheel vouches for.
_NOT_TAKEN = ("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json")
_ENTRY = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*:\s*([A-Za-z_][\w.]*)\s*(?:\[.*\])?\s*$")
_SCRIPT_NAME = re.compile(r"^[^/\0]+$")
_LONGEST_SHEBANG = 126
_DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)


@dataclass(frozen=True)
class Part:
    """One file of a wheel, and where it goes. ``content`` is what is not in the archive as it stands."""

    path: str
    size: int
    executable: bool
    member: str = ""
    content: bytes | None = None


class _Entries(configparser.ConfigParser):
    """Names of commands are as they stand."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


class Wheel:
    """An open wheel file. CannotChange where it is none, or not one that may be unpacked."""

    def __init__(self, source: BinaryIO, file: str, layout: Layout) -> None:
        self.file = file
        self._layout = layout
        self._parts: list[Part] = []
        try:
            self._zip = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, OSError) as err:
            raise CannotChange(f"{file} is no wheel: {err}") from err
        names = self._zip.namelist()
        infos = sorted({name.partition("/")[0] for name in names if name.partition("/")[0].endswith(".dist-info")})
        if len(infos) != 1:
            raise CannotChange(f"{file} is no wheel: it holds {len(infos)} dist-info folders")
        self.info = infos[0]
        said = self._text("WHEEL")
        major = re.search(r"^Wheel-Version:\s*(\d+)", said, re.MULTILINE)
        if not major or major[1] != "1":
            raise CannotChange(f"{file} is a wheel of a kind that is not known here")

    @property
    def record(self) -> str:
        """Where its list of files goes."""
        return os.path.join(self._layout.site, self.info, "RECORD")

    def parts(self) -> list[Part]:
        """All that it puts into the environment, but for its list of files."""
        if not self._parts:
            found = [self._part(each) for each in self._zip.infolist() if not each.is_dir()]
            self._parts = [part for part in found if part is not None]
            self._parts.append(self._made(os.path.join(self._layout.site, self.info, "INSTALLER"), b"autoglm-fix\n"))
            self._parts += self._entries()
        return self._parts

    def write(self, part: Part, out: BinaryIO) -> tuple[str, int]:
        """A part's bytes into an open file; its line in the list of files: digest and size."""
        digest, size = hashlib.sha256(), 0
        for data in self.content(part):
            digest.update(data)
            size += len(data)
            out.write(data)
        return "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode(), size

    def content(self, part: Part) -> Iterator[bytes]:
        """A part's bytes, piece by piece."""
        if part.content is not None:
            yield part.content
            return
        try:
            with self._zip.open(part.member) as source:
                data = source.read(_CHUNK)
                if os.path.dirname(part.path) == self._layout.scripts and data.startswith(b"#!python"):
                    data = self._shebang() + data.partition(b"\n")[2]
                while data:
                    yield data
                    data = source.read(_CHUNK)
        except _DAMAGE as err:
            raise CannotChange(f"{self.file} is damaged: {err}") from err

    def listed(self, written: list[tuple[str, str, int]]) -> bytes:
        """The list of files: of each its path, its digest and its size."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        for path, digest, size in sorted(written):
            lines.writerow((os.path.relpath(path, self._layout.site), digest, size))
        lines.writerow((f"{self.info}/RECORD", "", ""))
        return text.getvalue().encode()

    def _part(self, each: zipfile.ZipInfo) -> Part | None:
        parts = each.filename.split("/")
        if "" in parts or "." in parts or ".." in parts or "\\" in each.filename:
            raise CannotChange(f"{self.file} must not be unpacked: it holds {each.filename!r}")
        place: str | None = self._layout.site
        if parts[0] == self.info and len(parts) == 2 and parts[1] in _NOT_TAKEN:
            return None
        executable = bool(each.external_attr >> 16 & 0o111)
        if parts[0] == self.info[: -len(".dist-info")] + ".data":
            place = self._layout.place(parts[1], self.info.partition("-")[0]) if len(parts) > 2 else None
            executable = executable or parts[1] == "scripts"
            parts = parts[2:]
        if place is None:
            raise CannotChange(f"{self.file} must not be unpacked: nothing says where {each.filename!r} belongs")
        return Part(os.path.join(place, *parts), each.file_size, executable, each.filename)

    def _entries(self) -> Iterator[Part]:
        """The commands that it declares: each a script of a few lines."""
        if f"{self.info}/entry_points.txt" not in self._zip.namelist():
            return
        entries = _Entries(delimiters=("=",), interpolation=None, strict=False)
        try:
            entries.read_string(self._text("entry_points.txt"))
        except configparser.Error as err:
            raise CannotChange(f"{self.file} declares commands that cannot be read: {err}") from err
        for section in ("console_scripts", "gui_scripts"):
            for name, value in entries.items(section) if entries.has_section(section) else ():
                entry = _ENTRY.match(value)
                if entry is None or not _SCRIPT_NAME.match(name) or name in (".", ".."):
                    raise CannotChange(f"{self.file} declares a command that cannot be made: {name} = {value}")
                first = entry[2].partition(".")[0]
                body = f"import sys\nfrom {entry[1]} import {first}\n\nif __name__ == '__main__':\n"
                body += f"    sys.exit({entry[2]}())\n"
                yield self._made(os.path.join(self._layout.scripts, name), self._shebang() + body.encode(), True)

    def _shebang(self) -> bytes:
        """The first line of a script; through a shell where the kernel would not take the path."""
        python = self._layout.python
        if len(python) <= _LONGEST_SHEBANG and " " not in python:
            return f"#!{python}\n".encode()
        return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n".encode()

    def _made(self, path: str, content: bytes, executable: bool = False) -> Part:
        return Part(path, len(content), executable, content=content)

    def _text(self, name: str) -> str:
        try:
            return self._zip.read(f"{self.info}/{name}").decode("utf-8", "replace")
        except (KeyError, *_DAMAGE) as err:
            raise CannotChange(f"{self.file} is no wheel: it has no readable {name}") from err
