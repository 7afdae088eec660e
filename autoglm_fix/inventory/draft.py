"""An inventory while its sources are read: later sources add to earlier ones and outrank them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoglm_fix.authored.problems import Position, Problem, quoted
from autoglm_fix.authored.variables import Authored
from autoglm_fix.authored.yaml_source import YamlScalar

from .model import LOCAL_CONNECTION, LOCALHOST, Group, Host, Inventory

ALL = "all"
UNGROUPED = "ungrouped"
# A host of this name is this machine, unless its variables say how else to reach it.
_THIS_MACHINE = (LOCALHOST, "127.0.0.1", "::1")
_DEFAULT_PRIORITY = 1


@dataclass
class GroupDraft:
    """A group as written so far. ``beside`` are its variables from ``group_vars``."""

    variables: dict[str, Authored] = field(default_factory=dict)
    beside: dict[str, Authored] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Position] = field(default_factory=dict)


@dataclass
class HostDraft:
    """A host as written so far. ``beside`` are its variables from ``host_vars``."""

    variables: dict[str, Authored] = field(default_factory=dict)
    beside: dict[str, Authored] = field(default_factory=dict)


@dataclass
class Draft:
    """All groups and hosts seen so far, in the order in which they were first named."""

    groups: dict[str, GroupDraft] = field(default_factory=lambda: {ALL: GroupDraft()})
    hosts: dict[str, HostDraft] = field(default_factory=dict)

    def group(self, name: str) -> GroupDraft:
        """The group of a name, new where it is the first mention."""
        return self.groups.setdefault(name, GroupDraft())

    def host(self, name: str) -> HostDraft:
        """The host of a name, new where it is the first mention."""
        return self.hosts.setdefault(name, HostDraft())

    def finish(self, problems: list[Problem]) -> Inventory:
        """The inventory; empty after adding to ``problems`` where groups contain themselves."""
        circle = self._circle()
        if circle is not None:
            problems.append(circle)
            return Inventory({})
        depths, above = self._lineage(self._parents())
        of_host: dict[str, set[str]] = {name: set() for name in self.hosts}
        for name, group in self.groups.items():
            for host in group.hosts:
                of_host[host] |= {name, *above[name]} - {ALL}
        order = sorted(self.groups, key=lambda name: (depths[name], self._priority(name), name))
        hosts = {
            name: Host(name, self._variables(name, [group for group in order if group in groups]), _named(groups))
            for name, groups in of_host.items()
        }
        return Inventory(hosts, self._members(of_host))

    def _variables(self, host: str, groups: list[str]) -> dict[str, Authored]:
        """As Ansible ranks them: what the inventory says of all its groups, then what lies beside it."""
        own = self.hosts[host]
        merged: dict[str, Authored] = {}
        merged.update(self.groups[ALL].variables)
        for name in groups:
            merged.update(self.groups[name].variables)
        merged.update(self.groups[ALL].beside)
        for name in groups:
            merged.update(self.groups[name].beside)
        merged.update(own.variables)
        merged.update(own.beside)
        if host in _THIS_MACHINE and "ansible_host" not in merged:
            return {**LOCAL_CONNECTION, **merged}
        return merged

    def _members(self, of_host: Mapping[str, set[str]]) -> dict[str, Group]:
        members: dict[str, list[str]] = {name: [] for name in self.groups}
        for host, groups in of_host.items():
            for name in {ALL, *groups}:
                members[name].append(host)
        finished = {name: Group(name, tuple(members[name]), tuple(self.groups[name].children)) for name in self.groups}
        alone = tuple(host for host, names in of_host.items() if not names - {UNGROUPED})
        finished[UNGROUPED] = Group(UNGROUPED, alone)
        return finished

    def _parents(self) -> dict[str, set[str]]:
        parents: dict[str, set[str]] = {name: set() for name in self.groups}
        for name, group in self.groups.items():
            for child in group.children:
                parents[child].add(name)
        return parents

    def _lineage(self, parents: Mapping[str, set[str]]) -> tuple[dict[str, int], dict[str, set[str]]]:
        """How deep each group lies, and all groups that it is in; groups must not contain themselves."""
        depths: dict[str, int] = {}
        above: dict[str, set[str]] = {}

        def settle(name: str) -> None:
            if name in depths:
                return
            for parent in parents[name]:
                settle(parent)
            depths[name] = 1 + max((depths[parent] for parent in parents[name]), default=0)
            above[name] = parents[name].union(*(above[parent] for parent in parents[name]))

        for name in self.groups:
            settle(name)
        return depths, above

    def _priority(self, name: str) -> int:
        group = self.groups[name]
        written = {**group.variables, **group.beside}.get("ansible_group_priority")
        value = written.value if isinstance(written, YamlScalar) else written
        return value if isinstance(value, int) else _DEFAULT_PRIORITY

    def _circle(self) -> Problem | None:
        done: set[str] = set()

        def visit(name: str, trail: tuple[str, ...]) -> Problem | None:
            for child, at in self.groups[name].children.items():
                if child in trail:
                    return at.problem(f"the group {quoted(child)} contains itself")
                found = None if child in done else visit(child, (*trail, child))
                if found is not None:
                    return found
            done.add(name)
            return None

        return next((found for name in self.groups if (found := visit(name, (name,)))), None)


def _named(groups: set[str]) -> tuple[str, ...]:
    return tuple(sorted(groups))
