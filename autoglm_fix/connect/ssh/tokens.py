"""What stands for something in ssh_config: ``%h`` and the like, ``~``, ``${NAME}``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..channel import NotConnected
from .config_file import Line

_TOKEN = re.compile(r"%(.?)")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# A name that reaches a shell by way of ProxyCommand: what OpenSSH refuses there, and so do we.
_UNSAFE_HOST = re.compile(r"""[\x00-\x20\x7f'`"$\\;&<>|(){}!*?\[\]~#=]|^-""")
_UNSAFE_USER = re.compile(r"""[\x00-\x1f\x7f'`";&<>|(){}]|^-|\\$""")


@dataclass(frozen=True)
class Here:
    """This machine and who is on it, as tokens tell of them."""

    user: str
    home: str
    uid: int
    machine: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class There:
    """The host, as tokens tell of it."""

    asked: str
    hostname: str
    port: int
    user: str
    key_name: str


@dataclass(frozen=True)
class Tokens:
    """Fills in what stands for something. Raises NotConnected, which names the line, for what stands for nothing."""

    here: Here
    there: There

    def path(self, text: str, line: Line | None) -> str:
        """A path with its tokens, variables and ``~`` filled in, as OpenSSH does, absolute."""
        filled = self.filled(self._with_home(text), line)
        filled = _VARIABLE.sub(lambda found: self._variable(found[1], line), filled)
        return filled if os.path.isabs(filled) else os.path.abspath(filled)

    def filled(self, text: str, line: Line | None, letters: str = "") -> str:
        """A text with its tokens filled in; with ``letters``, with those alone."""

        def value(found: re.Match[str]) -> str:
            known = self._values().get(found[1])
            if known is None or (letters and found[1] not in letters):
                raise _wrong(line, f"{found[0]} stands for nothing there")
            return known()

        return _TOKEN.sub(value, text)

    def _variable(self, name: str, line: Line | None) -> str:
        value = self.here.environment.get(name)
        if value is None:
            raise _wrong(line, f"the environment has no {name}")
        return value

    def _with_home(self, text: str) -> str:
        if text == "~" or text.startswith("~/"):
            return self.here.home + text[1:]
        return os.path.expanduser(text)

    def _values(self) -> Mapping[str, Callable[[], str]]:
        here, there = self.here, self.there
        return {
            "%": lambda: "%",
            "d": lambda: here.home,
            "h": lambda: there.hostname,
            "i": lambda: str(here.uid),
            "k": lambda: there.key_name,
            "l": lambda: here.machine,
            "L": lambda: here.machine.split(".")[0],
            "n": lambda: there.asked,
            "p": lambda: str(there.port),
            "r": lambda: there.user,
            "u": lambda: here.user,
            "C": self._digest,
            "j": lambda: "",
        }

    def _digest(self) -> str:
        there = self.there
        text = f"{self.here.machine}{there.hostname}{there.port}{there.user}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def fit_for_a_shell(there: There) -> bool:
    """Whether host name and user may stand in a line that a shell reads."""
    return not (
        _UNSAFE_HOST.search(there.hostname) or _UNSAFE_HOST.search(there.asked) or _UNSAFE_USER.search(there.user)
    )


def fit_for_a_name(name: str) -> bool:
    """Whether a host name could be one: nothing that reads as an option, no blanks, nothing that a terminal obeys."""
    return bool(name) and not name.startswith("-") and name.isprintable() and " " not in name


def _wrong(line: Line | None, reason: str) -> NotConnected:
    return NotConnected("ssh.config-wrong", {"where": line.place if line else "-", "reason": reason})
