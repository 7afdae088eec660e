"""The files of ssh_config, read into blocks: which lines stand below which ``Host`` or ``Match``."""

from __future__ import annotations

import functools
import glob
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..channel import NotConnected

# As OpenSSH: an Include within an Include, and so on.
_DEPTH = 16
# What they take is the rest of the line, quotes and all.
_WHOLE = {"proxycommand", "proxyjump", "knownhostscommand", "localcommand", "remotecommand", "match"}


@dataclass(frozen=True)
class Line:
    """One setting: its keyword in lower case, its words without their quotes, and the rest of the line as it stands."""

    keyword: str
    words: tuple[str, ...]
    rest: str
    file: str
    number: int

    @property
    def first(self) -> str:
        """The first word, or nothing."""
        return self.words[0] if self.words else ""

    @property
    def place(self) -> str:
        """The file and the number of the line, as errors name it."""
        return f"{self.file}:{self.number}" if self.number else self.file


@dataclass(frozen=True)
class Criterion:
    """One condition of a ``Match`` line: its name, what it is compared with, and whether a ``!`` turns it around."""

    name: str
    value: str
    negated: bool


@dataclass(frozen=True)
class Block:
    """Lines, and files included among them, that hold together. ``head`` is None before the first ``Host``."""

    head: Line | None
    criteria: tuple[Criterion, ...]
    entries: tuple[Line | ConfigFile, ...]

    @functools.cached_property
    def plain(self) -> bool:
        """Whether it is below a ``Host`` with names alone, no patterns: most of a fleet's blocks are."""
        return self.head is not None and self.head.keyword == "host" and not set("*?!") & set("".join(self.head.words))


@dataclass(frozen=True)
class ConfigFile:
    """The blocks of one file, in order. ``final``: a line asks for a second pass, here or in what is included."""

    blocks: tuple[Block, ...] = ()
    final: bool = False


class ConfigFiles:
    """The files of a configuration, each read once. Raises NotConnected (``ssh.config-*``)."""

    def __init__(self, home: str) -> None:
        self._home = home
        self.read = functools.cache(self._read)

    def _read(self, path: str, own: bool, depth: int = 0) -> ConfigFile:
        """A file, empty where there is none. ``own``: it is the user's, not the system's."""
        if depth > _DEPTH:
            raise NotConnected("ssh.config-wrong", {"where": path, "reason": "too many Includes within each other"})
        try:
            with Path(path).open(encoding="utf-8", errors="surrogateescape") as handle:
                if depth or path == os.path.join(self._home, ".ssh/config"):
                    _check_owner(path, os.fstat(handle.fileno()))
                text = handle.read()
        except (FileNotFoundError, NotADirectoryError):
            return ConfigFile()
        except OSError as error:
            raise NotConnected("ssh.config-wrong", {"where": path, "reason": error.strerror or "unreadable"}) from None
        lines = (line for number, raw in enumerate(text.split("\n"), 1) if (line := parsed(raw, path, number)))
        return _file(lines, lambda line: self._included(line, own, depth))

    def _included(self, line: Line, own: bool, depth: int) -> Iterator[ConfigFile]:
        base = os.path.join(self._home, ".ssh") if own else "/etc/ssh"
        for word in line.words:
            pattern = self._home + word[1:] if own and word.startswith("~/") else os.path.expanduser(word)
            for path in sorted(glob.glob(os.path.join(base, pattern))):
                yield self._read(path, own, depth + 1)


def parsed(raw: str, file: str, number: int) -> Line | None:
    """One line of a configuration; None for an empty one or a comment."""
    text = raw.strip(" \t\r\n\f")
    if not text or text.startswith("#"):
        return None
    keyword, rest = _keyword(text)
    if not rest:
        raise NotConnected("ssh.config-wrong", {"where": f"{file}:{number}", "reason": f"{keyword} has no value"})
    lowered = keyword.lower()
    words = () if lowered in _WHOLE else words_of(rest)
    if words is None:
        raise NotConnected("ssh.config-wrong", {"where": f"{file}:{number}", "reason": "a quote is not closed"})
    return Line(lowered, words, rest.lstrip(" \t="), file, number)


def words_of(text: str) -> tuple[str, ...] | None:
    """The words of a line up to a comment, quotes and escapes taken off; None where a quote is not closed."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    place = 0
    while place < len(text):
        char, after = text[place], text[place + 1 : place + 2]
        if word is None and char in " \t":
            pass
        elif word is None and char == "#":
            break
        elif char == "\\" and after and (after in "'\"\\" or (not quote and after == " ")):
            word = (word or "") + after
            place += 1
        elif not quote and char in " \t":
            words.append(word or "")
            word = None
        elif char == quote or (not quote and char in "'\""):
            word, quote = word or "", "" if quote else char
        else:
            word = (word or "") + char
        place += 1
    if word is not None:
        words.append(word)
    return None if quote else tuple(words)


def _keyword(text: str) -> tuple[str, str]:
    """The keyword and what follows it: blanks, or one equals sign with blanks around it, stand between."""
    end = next((place for place, char in enumerate(text) if char in " \t="), len(text))
    rest = text[end:].lstrip(" \t")
    return text[:end].strip('"'), rest[1:].lstrip(" \t") if rest.startswith("=") else rest


def _file(lines: Iterator[Line], included: Callable[[Line], Iterator[ConfigFile]]) -> ConfigFile:
    found: list[Block] = []
    final = False
    head: Line | None = None
    criteria: tuple[Criterion, ...] = ()
    entries: list[Line | ConfigFile] = []
    for line in lines:
        if line.keyword in ("host", "match"):
            found.append(Block(head, criteria, tuple(entries)))
            head, entries = line, []
            criteria = _criteria(line) if line.keyword == "match" else ()
            final = final or any(criterion.name == "final" for criterion in criteria)
        elif line.keyword == "include":
            files = list(included(line))
            entries += files
            final = final or any(file.final for file in files)
        else:
            entries.append(line)
    return ConfigFile((*found, Block(head, criteria, tuple(entries))), final)


def _criteria(line: Line) -> tuple[Criterion, ...]:
    found = []
    rest = line.rest
    while rest and not rest.startswith("#"):
        word, rest = _delimited(rest)
        name = word.lstrip("!").lower()
        value = ""
        if name not in ("all", "canonical", "final"):
            value, rest = _delimited(rest)
            if not value:
                raise NotConnected("ssh.config-wrong", {"where": line.place, "reason": f"Match {name} has no value"})
        found.append(Criterion(name, value, word.startswith("!")))
    return tuple(found)


def _delimited(text: str) -> tuple[str, str]:
    """The next word of a Match line, which may be quoted, and what is left."""
    if text.startswith('"'):
        word, _, rest = text[1:].partition('"')
        return word, rest.lstrip(" \t=")
    return _keyword(text)


def _check_owner(path: str, status: os.stat_result) -> None:
    # What others may write there would run here, as a ProxyCommand.
    if status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotConnected("ssh.config-owner", {"path": path})
