"""An inventory while its sources are read: later sources add to earlier ones and outrank them."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoglm_fix.authored.problems import Position, Problem, quoted
from autoglm_fix.authored.variables import Authored
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import YamlNode, YamlScalar

from .addresses import address_and_port, not_a_host_name
from .ranges import BadRange, expand

ALL = "all"
UNGROUPED = "ungrouped"
PRIORITY = "ansible_group_priority"
PORT = "ansible_port"
_DEFAULT_PRIORITY = 1
_MOST_HOSTS = 1_000_000


@dataclass
class GroupDraft:
    """A group as the inventory says so far: the hosts and groups that it names itself, in order."""

    variables: dict[str, Authored] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Position] = field(default_factory=dict)
    priority: int = _DEFAULT_PRIORITY


@dataclass
class HostDraft:
    """A host as the inventory says so far. ``source`` is the file that named it first, empty for the command line."""

    source: str = ""
    variables: dict[str, Authored] = field(default_factory=dict)


@dataclass
class Draft:
    """All groups and hosts seen so far, in the order in which they were first named, and what is wrong with them.

    ``keys`` open what is encrypted; ``source`` is the file that is being read, empty for the command line.
    """

    problems: list[Problem]
    keys: Keyring = field(default_factory=Keyring)
    groups: dict[str, GroupDraft] = field(default_factory=dict)
    hosts: dict[str, HostDraft] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        self.group(ALL).children[UNGROUPED] = Position("")
        self.group(UNGROUPED)

    def group(self, name: str) -> GroupDraft:
        """The group of a name, new where it is the first mention."""
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = GroupDraft()
        return group

    def set_group_variable(self, group: str, name: str, value: YamlNode) -> None:
        """A variable of all hosts in a group. Its priority is none, but says how the group ranks."""
        if name != PRIORITY:
            self.group(group).variables[name] = value
            return
        priority = _whole_number(value)
        if priority is None:
            self.problems.append(value.at.problem(f"{quoted(PRIORITY)} is a whole number"))
        else:
            self.group(group).priority = priority

    def add_child(self, group: str, child: str, at: Position) -> None:
        """A group in a group; both have been named."""
        if child == ALL:
            self.problems.append(at.problem("'all' contains every group and is in none"))
        else:
            self.group(group).children.setdefault(child, at)

    def add_hosts(self, pattern: str, group: str, at: Position) -> list[HostDraft]:
        """The hosts that a name with ranges and a port stands for, in that group; none after a problem."""
        address, port = address_and_port(pattern) or (pattern, None)
        try:
            names = expand(address)
        except BadRange as err:
            self.problems.append(at.problem(f"{quoted(pattern)}: {err}"))
            return []
        if why := not_a_host_name(names[0]):
            self.problems.append(at.problem(f"{quoted(pattern)} is no name of a host: {why}"))
            return []
        if len(self.hosts) + len(names) > _MOST_HOSTS:
            self.problems.append(at.problem(f"the inventory has more than {_MOST_HOSTS} hosts"))
            return []
        return [self._add_host(name, port, group, at) for name in names]

    def add_host(self, name: str, group: str, at: Position) -> HostDraft | None:
        """A host of exactly this name; None after a problem."""
        if why := not_a_host_name(name):
            self.problems.append(at.problem(f"{quoted(name)} is no name of a host: {why}"))
            return None
        return self._add_host(name, None, group, at)

    def _add_host(self, name: str, port: int | None, group: str, at: Position) -> HostDraft:
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = HostDraft(self.source)
            if port:
                host.variables[PORT] = YamlScalar(port, at)
        self.group(group).hosts[name] = None
        return host


def _whole_number(value: YamlNode) -> int | None:
    if not isinstance(value, YamlScalar) or value.value is None:
        return None
    try:
        return int(value.value)
    except (ValueError, OverflowError):
        return None
