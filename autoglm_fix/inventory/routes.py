"""From a host's variables to the way there: Ansible's connection variables, by Ansible's order of precedence."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from autoglm_fix.authored.problems import BadInput, Position, Problem, did_you_mean, quoted, raise_if_any
from autoglm_fix.authored.typed import shown
from autoglm_fix.authored.variables import Layer, Variables, position_in
from autoglm_fix.authored.yaml_source import Value
from autoglm_fix.connect.route import Become, Credentials, JumpLogin, Route

from .model import Host, Inventory
from .route_names import (
    BECOME_METHODS,
    CONNECTIONS,
    ENGINES,
    HOST_KEY_CHECKING,
    NOTHING_TO_SAY,
    Names,
    become_names,
    names_of,
)
from .ssh_words import SshWords, ssh_words

_YES, _NO = ("true", "yes", "on", "1", "y", "t"), ("false", "no", "off", "0", "n", "f")
# Who types the password, and how, is for the connection to say.
_OURS_OF_SUDO = frozenset({"-S", "-n", "--stdin", "--non-interactive"})
_DEFAULT_TIMEOUT_S = 10.0
_ENV = "/usr/bin/env "


@dataclass(frozen=True)
class Asked:
    """What the command line says of all hosts. What the inventory says of one outranks it.

    ``variables`` rank below all others: those that an ansible.cfg stands for.
    """

    become: bool = False
    become_method: str = ""
    become_user: str = ""
    user: str = ""
    key_file: str = ""
    credentials: Credentials = field(default_factory=Credentials)
    variables: Layer = field(default_factory=dict)


@dataclass(frozen=True)
class Reach:
    """How a host is reached, and the secrets that go with it."""

    route: Route
    credentials: Credentials = field(default_factory=Credentials)


def reach(host: Host, inventory: Inventory, extra: Layer, asked: Asked, local_state_dir: str = "") -> Reach:
    """The way to a host. Raises BadInput with all that is wrong with its connection variables.

    ``extra`` variables outrank the inventory's. ``autoglm_fix_state_dir`` says where the host keeps its journal; on
    this machine, without it, that is ``local_state_dir``.
    """
    special = {**inventory.special_variables(host), "ansible_playbook_python": sys.executable}
    reader = _Reader(host.name, Variables([asked.variables, host.variables], over=[extra, special]), extra)
    found = reader.reach(asked, local_state_dir)
    raise_if_any(reader.problems)
    return found


def ssh_login(host: Host, inventory: Inventory, extra: Layer) -> tuple[str, JumpLogin]:
    """The address of a host, and who logs in there with what, as its variables alone say. Raises BadInput."""
    reader = _Reader(host.name, Variables([host.variables], over=[extra, inventory.special_variables(host)]), extra)
    names = names_of("ssh")
    credentials = Credentials(password=reader.secret(names.password), passphrase=reader.secret(names.passphrase))
    found = reader.text(names.address) or host.name, JumpLogin(reader.text(names.user), credentials)
    raise_if_any(reader.problems)
    return found


class _Reader:
    def __init__(self, host: str, variables: Variables, extra: Layer) -> None:
        self.problems: list[Problem] = []
        self._host = host
        self._variables = variables
        self._extra = extra

    def reach(self, asked: Asked, local_state_dir: str) -> Reach:
        named = self._connection()
        connection, engine = CONNECTIONS[named], ENGINES.get(named.rpartition(".")[2], "")
        names = names_of(connection, engine)
        route = Route(
            connection=connection,
            python=self._python(),
            state_dir=self.text(("autoglm_fix_state_dir",)) or (local_state_dir if connection == "local" else ""),
        )
        if connection == "docker":
            route = self._container(route, names, engine)
        elif connection in ("ssh", "openssh"):
            route = self._ssh(route, names, asked)
        become, become_password = self._become(asked, _own_user() if connection == "local" else route.user)
        own = asked.credentials
        return Reach(
            replace(route, become=become),
            Credentials(
                password=self.secret(names.password) or own.password,
                become_password=become_password or own.become_password,
                passphrase=self.secret(names.passphrase) or own.passphrase,
            )
            if connection != "local" or become is not None
            else Credentials(),
        )

    def _connection(self) -> str:
        named = self.text(("ansible_connection",)) or "ssh"
        if named not in CONNECTIONS:
            hint = did_you_mean(named, CONNECTIONS) or "There are ssh, openssh, docker, podman and local."
            self._say("ansible_connection", f"the connection {quoted(named)} is not available", hint)
            return "ssh"
        return named

    def _python(self) -> str:
        named = self.text(("ansible_python_interpreter",)).removeprefix(_ENV).strip()
        if named.startswith("auto"):
            return ""
        if any(char.isspace() for char in named):
            self._say("ansible_python_interpreter", "takes the path or the name of one program", "", about_value=True)
        return named

    def _ssh(self, route: Route, names: Names, asked: Asked) -> Route:
        words = [self._words(name, route.connection) for name in ("ansible_ssh_args", *names.arguments)]
        options = dict(words[0].options)
        port, key = self._port(names.port), self.text(names.key_file)
        user = self.text(names.user)
        # What stands nearer to ssh's own command line comes first there, and the first is what counts.
        for keyword, value in (("port", str(port or "")), ("identityfile", key), ("user", user)):
            if value:
                options.setdefault(keyword, value)
        checked = self.flag(HOST_KEY_CHECKING)
        if checked is False:
            options.setdefault("stricthostkeychecking", "accept-new")
        proxy = self.text(names.proxy_command)
        if proxy:
            options.setdefault("proxycommand", proxy)
        for each in words[1:]:
            for keyword, value in each.options.items():
                options.setdefault(keyword, value)
        port_text = options.pop("port", "")
        timeout = self._seconds(names.timeout)
        if timeout is None and options.get("connecttimeout", "").isdigit():
            timeout = float(options["connecttimeout"])
        options.pop("connecttimeout", None)
        if options.get("configfile", "none") != "none":
            options["configfile"] = _absolute(options["configfile"])
        program = self.text(names.program) if route.connection == "openssh" else ""
        if program:
            options["program"] = program
        return replace(
            route,
            address=self.text(names.address) or self._host,
            port=int(port_text) if port_text.isdigit() else None,
            user=options.pop("user", "") or asked.user,
            key_file=_absolute(options.pop("identityfile", "") or asked.key_file),
            options=options,
            timeout_s=timeout or _DEFAULT_TIMEOUT_S,
        )

    def _words(self, name: str, connection: str) -> SshWords:
        text = self.text((name,))
        found = ssh_words(text, any_keyword=connection == "openssh") if text else SshWords()
        for message, hint in found.mistakes:
            self._say(name, message, hint)
        port = found.options.get("port", "1")
        if not _is_port(port):
            self._say(name, f"{quoted(port)} is no port", "")
        return found

    def _container(self, route: Route, names: Names, engine: str) -> Route:
        timeout = self._seconds(names.timeout)
        words = self._split(names.arguments[0])
        options = {"program": self.text(names.program) or engine}
        for index, word in enumerate(words[:-1]):
            if word in ("-H", "--host", "--url"):
                options["host"] = words[index + 1]
                del words[index : index + 2]
                break
        return replace(
            route,
            address=self.text(names.address) or self._host,
            user=self.text(names.user),
            options=options,
            words=tuple(words),
            timeout_s=timeout or _DEFAULT_TIMEOUT_S,
        )

    def _become(self, asked: Asked, user: str) -> tuple[Become | None, str | None]:
        wanted = self.flag(("ansible_become",))
        if not (asked.become if wanted is None else wanted):
            return None, None
        method = (self.text(("ansible_become_method",)) or asked.become_method or "sudo").rpartition(".")[2]
        if method not in BECOME_METHODS:
            hint = did_you_mean(method, BECOME_METHODS, nouns="methods")
            self._say("ansible_become_method", f"there is no way to become by {quoted(method)}", hint)
        names = become_names(method)
        become = Become(
            method if method in BECOME_METHODS else "sudo",
            self.text(names.user) or asked.become_user or "root",
            self.text(names.program),
            tuple(word for word in self._split(*names.flags) if method != "sudo" or word not in _OURS_OF_SUDO),
        )
        # As with Ansible: whoever is that user already has nobody to become.
        return (None if become.user == user else become), self.secret(names.password)

    def text(self, names: Iterable[str]) -> str:
        """The first of some variables that says something, as text; numbers are taken for their digits."""
        return self._text(names)[1]

    def _text(self, names: Iterable[str]) -> tuple[str, str]:
        for name in names:
            value = self._value(name)
            if value is None or value == "":
                continue
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                self._say(name, f"takes text, not {shown(value)}", "", about_value=True)
                continue
            return name, str(value).strip()
        return "", ""

    def secret(self, names: Iterable[str]) -> str | None:
        """The first of some variables that is set, as it stands; it is never repeated in a message."""
        for name in names:
            value = self._value(name)
            if value is None or value == "":
                continue
            if isinstance(value, (bool, list, dict)):
                self._say(name, "takes text", "", about_value=True)
                continue
            return str(value)
        return None

    def flag(self, names: Iterable[str]) -> bool | None:
        """The first of some variables that is set; None where none is."""
        for name in names:
            value = self._value(name)
            if value is None or value == "":
                continue
            if isinstance(value, bool):
                return value
            word = str(value).strip().lower()
            if isinstance(value, (str, int)) and word in (*_YES, *_NO):
                return word in _YES
            self._say(name, f"takes true or false, not {shown(value)}", "", about_value=True)
        return None

    def _port(self, names: Iterable[str]) -> int | None:
        name, text = self._text(names)
        if not text:
            return None
        if not _is_port(text):
            self._say(name, f"takes a port from 1 to 65535, not {quoted(text)}", "", about_value=True)
            return None
        return int(text)

    def _seconds(self, names: Iterable[str]) -> float | None:
        name, text = self._text(names)
        if not text:
            return None
        if not text.isascii() or not text.replace(".", "", 1).isdigit() or float(text) <= 0:
            self._say(name, f"takes a number of seconds, not {quoted(text)}", "", about_value=True)
            return None
        return float(text)

    def _split(self, *names: str) -> list[str]:
        import shlex

        name, text = self._text(names)
        try:
            return shlex.split(text)
        except ValueError:
            self._say(name, "has a quote without its other half", "", about_value=True)
            return []

    def _value(self, name: str) -> Value:
        if name not in self._variables:
            return None
        try:
            value = self._variables.value(name)
        except BadInput as err:
            self.problems.extend(problem for problem in err.problems if problem not in self.problems)
            return None
        return None if isinstance(value, str) and value.strip().lower() in NOTHING_TO_SAY else value

    def _say(self, name: str, message: str, hint: str, *, about_value: bool = False) -> None:
        said = f"{quoted(name)} {message}" if about_value else f"{quoted(name)}: {message}"
        self.problems.append(self._place(name).problem(said, hint))

    def _place(self, name: str) -> Position:
        otherwise = Position("-e" if name in self._extra else "-i")
        if name not in self._variables:
            return otherwise
        return position_in(self._variables.authored(name), (), otherwise)


def _absolute(path: str) -> str:
    """A path that an undo finds from any folder; what begins with a home or a token of ssh stays as it is."""
    return os.path.abspath(path) if path and path[0] not in "/~%$" else path


def _own_user() -> str:
    """Who runs this process; empty where that user has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def secrets_of(reaches: Mapping[str, Reach]) -> set[str]:
    """What no output may show of the ways to hosts."""
    return {word for each in reaches.values() for word in each.credentials.words}
