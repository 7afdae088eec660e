"""~/.ssh/config and /etc/ssh/ssh_config as OpenSSH reads them, parsed once a run."""

from __future__ import annotations

import os
import pwd
import re
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..channel import NotConnected
from ..route import JumpLogins, Route, nothing_known
from .config_file import ConfigFile, ConfigFiles, Line, parsed
from .config_match import Said, read_all
from .settings import SshSettings
from .tokens import Here, There, Tokens, fit_for_a_name, fit_for_a_shell
from .translate import translate

_SYSTEM = "/etc/ssh/ssh_config"
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>.*)@)?(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:@]*))(?::(?P<port>\d+))?/?\Z")
# As OpenSSH's own limit would come from its arguments; a chain this long is a loop.
_JUMPS = 16
# One path each, which has lost its quotes on its way through an inventory.
_PATHS = {"identityfile", "certificatefile", "identityagent", "revokedhostkeys"}


@dataclass(frozen=True)
class _Asked:
    """What outranks the configuration, for one host."""

    host: str
    user: str = ""
    port: int | None = None
    key_file: str = ""
    timeout_s: float = Route.timeout_s
    options: tuple[tuple[str, str], ...] = ()
    config: str = ""
    otherwise: str = ""  # who logs in where nothing else says


class SshConfig:
    """The configuration of one run: shared by all hosts and threads. Files are read once, when first needed."""

    def __init__(
        self,
        *,
        accept_new: bool = False,
        files: Sequence[str] | None = None,
        environment: Mapping[str, str] = os.environ,
        jump_logins: JumpLogins = nothing_known,
    ) -> None:
        """``files`` stand for the user's and the system's; ``accept_new``: a host never seen is noted and trusted."""
        self._accept_new = accept_new
        self._jump_logins = jump_logins
        self._named_files = files
        self._here = _here(environment)
        self._files = ConfigFiles(self._here.home)
        self._lock = threading.Lock()
        self._jumps: dict[_Asked, tuple[SshSettings, ...]] = {}

    def settings(self, name: str, route: Route) -> SshSettings:
        """How the host of that name is reached. Raises NotConnected (``ssh.<what>``), with nothing sent anywhere."""
        options = {keyword.lower(): value for keyword, value in route.options.items()}
        config = options.pop("configfile", "")
        asked = _Asked(
            route.address or name,
            route.user,
            route.port,
            route.key_file,
            route.timeout_s,
            tuple(options.items()),
            config,
        )
        with self._lock:
            return self._resolved(asked, ())

    def _resolved(self, asked: _Asked, passing: tuple[str, ...]) -> SshSettings:
        said = read_all(self._blocks(asked.config), _outranking(asked, self._here.user))
        hostname = said.hostname().lower()
        for name in (asked.host, hostname):
            if not fit_for_a_name(name):
                raise NotConnected("ssh.bad-name", {"name": name})
        there = There(
            asked.host,
            hostname,
            _port(said),
            said.word("user") or asked.otherwise or self._here.user,
            said.word("hostkeyalias").lower() or asked.host,
        )
        tokens = Tokens(self._here, there)
        settings = translate(said, there, tokens, asked.timeout_s, self._accept_new)
        settings = replace(settings, config=self._path(asked.config))
        return self._with_way(settings, said, asked, tokens, passing)

    def _with_way(
        self, settings: SshSettings, said: Said, asked: _Asked, tokens: Tokens, passing: tuple[str, ...]
    ) -> SshSettings:
        """The settings with what stands before the host: jump hosts, or a command."""
        jump, command = said.first.get("proxyjump"), said.first.get("proxycommand")
        if jump and jump.rest.lower() != "none":
            return replace(settings, jumps=self._chain(tokens.filled(jump.rest, jump, "%hnpr"), jump, asked, passing))
        if command and command.rest.lower() != "none":
            if not fit_for_a_shell(tokens.there):
                raise NotConnected("ssh.bad-name", {"name": f"{settings.user}@{settings.hostname}"})
            return replace(settings, proxy_command=tokens.filled(command.rest, command, "%hnpr"))
        return settings

    def _chain(self, text: str, line: Line, asked: _Asked, passing: tuple[str, ...]) -> tuple[SshSettings, ...]:
        """All hosts to pass, the first first: those named, and those that the first of them needs itself."""
        found: list[SshSettings] = []
        for number, word in enumerate(text.split(",")):
            hop = self._hop(word.strip(), line, asked)
            if hop.host in passing or len(passing) > _JUMPS:
                raise NotConnected("ssh.jump-loop", {"host": hop.host, "where": line.place})
            if hop not in self._jumps:
                settings = self._resolved(hop, (*passing, asked.host))
                self._jumps[hop] = (*settings.jumps, replace(settings, jumps=()))
            way = self._jumps[hop]
            # A host that is reached through the one before it has no way of its own.
            found.extend(way if not number else [replace(way[-1], proxy_command=None)])
        return tuple(found)

    def _hop(self, word: str, line: Line, asked: _Asked) -> _Asked:
        found = _JUMP.fullmatch(word)
        host = (found["six"] or found["host"]) if found else ""
        port = int(found["port"]) if found and found["port"] else None
        if not found or not fit_for_a_name(host) or (port is not None and not 0 < port < 65536):
            reason = f"'{word}' is not a host to jump over"
            raise NotConnected("ssh.config-wrong", {"where": line.place, "reason": reason})
        known = self._jump_logins(host)
        otherwise = known.user if known is not None else ""
        return _Asked(
            host, found["user"] or "", port, timeout_s=asked.timeout_s, config=asked.config, otherwise=otherwise
        )

    def _path(self, config: str) -> str:
        """The file that ``-F`` names, absolute; ``none`` and ``""`` as they are."""
        if config.lower() in ("", "none"):
            return config.lower()
        return self._here.home + config[1:] if config.startswith("~/") else os.path.abspath(config)

    def _blocks(self, config: str) -> tuple[ConfigFile, ...]:
        path = self._path(config)
        if path == "none":
            return ()
        if path:
            if not os.path.exists(path):
                raise NotConnected("ssh.config-wrong", {"where": path, "reason": "there is no such file"})
            return (self._files.read(path, True),)
        if self._named_files is not None:
            return tuple(self._files.read(path, True) for path in self._named_files)
        own = os.path.join(self._here.home, ".ssh/config")
        return self._files.read(own, True), self._files.read(_SYSTEM, False)


def _outranking(asked: _Asked, local_user: str) -> Said:
    """What the inventory and the command line say: the first word on everything."""
    said = Said(asked.host, local_user)
    if asked.user:
        said.note(Line("user", (asked.user,), asked.user, "inventory", 0))
    if asked.port:
        said.note(Line("port", (str(asked.port),), str(asked.port), "inventory", 0))
    if asked.key_file:
        said.note(Line("identityfile", (asked.key_file,), asked.key_file, "inventory", 0))
    for keyword, value in asked.options:
        if keyword in _PATHS and not set("\"'") & set(value):
            said.note(Line(keyword, (value,), value, "inventory", 0))
            continue
        line = parsed(f"{keyword} {value}", "inventory", 0)
        if line:
            said.note(line)
    return said


def _port(said: Said) -> int:
    text = said.word("port", "22")
    if not text.isdigit() or not 0 < int(text) < 65536:
        line = said.first["port"]
        raise NotConnected("ssh.config-wrong", {"where": line.place, "reason": f"'{text}' is not a port"})
    return int(text)


def _here(environment: Mapping[str, str]) -> Here:
    # ssh asks the user database and not $HOME; a user who is in none (a container's) has only $HOME.
    uid = os.getuid()
    try:
        entry = pwd.getpwuid(uid)
        user, home = entry.pw_name, entry.pw_dir
    except KeyError:
        user, home = environment.get("USER", str(uid)), environment.get("HOME", "/")
    return Here(user, home, uid, socket.gethostname(), environment)
