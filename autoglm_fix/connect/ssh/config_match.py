"""What the configuration says of one host: the blocks that match, and of each setting the first value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..channel import NotConnected
from .config_file import Block, ConfigFile, Criterion, Line
from .patterns import any_of, in_list

# Older names of settings.
_ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "smartcarddevice": "pkcs11provider",
}
# Said more than once, all of it counts.
_ALL = {"identityfile", "certificatefile"}


@dataclass
class Said:
    """The settings of one host, by keyword; those that may be said more than once are lists in ``every``.

    ``host`` is the name as it was asked for, ``local_user`` who asks.
    """

    host: str
    local_user: str
    first: dict[str, Line] = field(default_factory=dict)
    every: dict[str, list[Line]] = field(default_factory=dict)

    def note(self, line: Line) -> None:
        """Take a setting, unless it was said before."""
        keyword = _ALIASES.get(line.keyword, line.keyword)
        if keyword in _ALL:
            self.every.setdefault(keyword, []).append(line)
        elif keyword in ("proxyjump", "proxycommand"):
            if "proxyjump" not in self.first and "proxycommand" not in self.first:
                self.first[keyword] = line
        else:
            self.first.setdefault(keyword, line)

    def word(self, keyword: str, default: str = "") -> str:
        """The first word of a setting."""
        line = self.first.get(keyword)
        return line.first if line else default

    def hostname(self) -> str:
        """What is connected to: the HostName, its tokens filled in, else the name that was asked for."""
        named = self.word("hostname")
        return named.replace("%%", "\0").replace("%h", self.host).replace("\0", "%") if named else self.host


def read_all(files: tuple[ConfigFile, ...], said: Said) -> Said:
    """Let files have their say, one after the other; twice where one of them asks for a ``final`` pass."""
    for file in files:
        _read(file, said, said.host, False)
    if any(file.final for file in files):
        hostname = said.hostname().lower()
        for file in files:
            _read(file, said, hostname, True)
    return said


def _read(file: ConfigFile, said: Said, host: str, final: bool) -> None:
    for block in file.blocks:
        if not _applies(block, said, host, final):
            continue
        for entry in block.entries:
            if isinstance(entry, Line):
                said.note(entry)
            else:
                _read(entry, said, host, final)


def _applies(block: Block, said: Said, host: str, final: bool) -> bool:
    head = block.head
    if head is None:
        return True
    if block.plain:
        return host in head.words
    if head.keyword == "host":
        return any_of(host, head.words)
    return all(_holds(criterion, head, said, final) for criterion in block.criteria)


def _holds(criterion: Criterion, head: Line, said: Said, final: bool) -> bool:
    if criterion.name in ("final", "canonical"):
        return final != criterion.negated
    known = _COMPARED.get(criterion.name)
    if known is None:
        raise NotConnected(
            "ssh.needs-openssh",
            {"setting": f"Match {criterion.name}", "where": head.place},
        )
    return known(said, criterion.value) != criterion.negated


_COMPARED: Mapping[str, Callable[[Said, str], bool]] = {
    "all": lambda said, value: True,
    "host": lambda said, value: in_list(said.hostname().lower(), value.lower()),
    "originalhost": lambda said, value: in_list(said.host.lower(), value.lower()),
    "user": lambda said, value: in_list(said.word("user", said.local_user), value),
    "localuser": lambda said, value: in_list(said.local_user, value),
    "tagged": lambda said, value: in_list(said.word("tag"), value),
}
