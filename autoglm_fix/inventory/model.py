"""What an inventory says, once its sources are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoglm_fix.authored.problems import Position
from autoglm_fix.authored.templating import templates_in
from autoglm_fix.authored.variables import Authored, Layer
from autoglm_fix.authored.yaml_source import Value, YamlMapping, YamlScalar, YamlSequence

from .pattern import select

LOCALHOST = "localhost"
LOCAL_CONNECTION: Layer = {"ansible_connection": "local"}


@dataclass(frozen=True)
class Host:
    """A host under the inventory's name for it.

    ``variables`` are those of its groups and its own, merged as Ansible merges them, templates not
    yet evaluated. ``groups`` are all groups it is in, sorted, without ``all``.
    """

    name: str
    variables: Mapping[str, Authored]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A group: the names of its own children, and of all hosts in it or below it, in the inventory's order."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """Hosts and groups by name. ``implicit`` is the localhost that needs no entry to be named by a play."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Group] = field(default_factory=dict)
    implicit: Host = field(default_factory=lambda: Host(LOCALHOST, LOCAL_CONNECTION))

    def select(
        self, pattern: str | Sequence[str], limit: str | None = None, *, at: Position | None = None
    ) -> tuple[Host, ...]:
        """The hosts of a pattern that are also in the limit, in the pattern's order.

        ``at`` is the pattern's place. Raises BadInput where the pattern, the limit, or both together
        select nothing, or name what there isn't.
        """
        (chosen,) = self.select_each([(pattern, at or Position("hosts"))], limit)
        return chosen

    def select_each(
        self, patterns: Sequence[tuple[str | Sequence[str], Position]], limit: str | None = None
    ) -> list[tuple[Host, ...]]:
        """For each pattern the hosts that are also in the limit.

        The limit may leave some of the patterns without hosts, but not all: then, and where a pattern
        or the limit selects nothing by itself, BadInput is raised.
        """
        members = {name: group.hosts for name, group in self.groups.items()}
        named = select(list(self.hosts), members, self.implicit.name, patterns, limit)
        return [tuple(self.hosts.get(name, self.implicit) for name in names) for names in named]

    def special_variables(self, host: Host) -> dict[str, Value]:
        """What templates know of a host and its inventory under Ansible's names."""
        return {
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name.split(".")[0],
            "group_names": list(host.groups),
            "groups": {name: list(group.hosts) for name, group in self.groups.items()},
        }

    @property
    def names(self) -> frozenset[str]:
        """All variables that some host has, or that the text of one refers to."""
        found: set[str] = set()
        for host in self.hosts.values():
            for name, authored in host.variables.items():
                found.add(name)
                if isinstance(authored, (YamlScalar, YamlSequence, YamlMapping)):
                    found.update(*(template.names for _, template in templates_in(authored)))
        return frozenset(found)
