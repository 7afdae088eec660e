"""What an inventory says, once its sources are merged."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from autoglm_fix.authored.problems import Position
from autoglm_fix.authored.templating import templates_in
from autoglm_fix.authored.variables import Authored, Layer
from autoglm_fix.authored.yaml_source import Value, YamlMapping, YamlNode, YamlScalar, YamlSequence

from .addresses import is_ip_address
from .limit import Limit
from .pattern import select
from .ranked import layers_of

LOCALHOST = "localhost"
LOCAL_CONNECTION: Layer = {"ansible_connection": "local"}


@dataclass(frozen=True)
class Host:
    """A host under the inventory's name for it.

    ``variables`` are those of its groups and its own, merged as Ansible merges them, templates not
    yet evaluated; the ``assumed`` ones of them nobody wrote. ``groups`` are all groups it is in, sorted,
    without ``all``. ``source`` is the file that named it first, empty for the command line.
    """

    name: str
    variables: Mapping[str, Authored]
    groups: tuple[str, ...] = ()
    assumed: frozenset[str] = frozenset()
    source: str = ""


@dataclass(frozen=True)
class Group:
    """A group: all hosts in it or below it, in Ansible's order; its children; the hosts that it names itself.

    ``variables`` are what is said of this group alone.
    """

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    variables: Mapping[str, Authored] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    """Hosts and groups by name. ``implicit`` is the localhost that needs no entry to be named by a play."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Group] = field(default_factory=dict)
    implicit: Host = field(default_factory=lambda: Host(LOCALHOST, LOCAL_CONNECTION))

    def select(
        self,
        pattern: str | Sequence[str],
        limit: str | Sequence[str] | Limit | None = None,
        *,
        at: Position | None = None,
    ) -> tuple[Host, ...]:
        """The hosts of a pattern that are also in the limit, in the pattern's order.

        ``at`` is the pattern's place. Raises BadInput where the pattern, the limit, or both together
        select nothing, or name what there isn't.
        """
        (chosen,) = self.select_each([(pattern, at or Position("hosts"))], limit)
        return chosen

    def select_each(
        self,
        patterns: Sequence[tuple[str | Sequence[str], Position]],
        limit: str | Sequence[str] | Limit | None = None,
    ) -> list[tuple[Host, ...]]:
        """For each pattern the hosts that are also in the limit, which is text as typed, or patterns one by one.

        The limit may leave some of the patterns without hosts, but not all: then, and where a pattern
        or the limit selects nothing by itself, BadInput is raised.
        """
        members = {name: group.hosts for name, group in self.groups.items()}
        named = select(list(self.hosts), members, patterns, limit)
        return [tuple(self.hosts.get(name) or replace(self.implicit, name=name) for name in names) for names in named]

    def special_variables(self, host: Host) -> dict[str, Value]:
        """What templates know of a host and its inventory under Ansible's names."""
        return {
            "inventory_hostname": host.name,
            "inventory_hostname_short": host.name if is_ip_address(host.name) else host.name.split(".")[0],
            "inventory_file": os.path.abspath(host.source) if host.source else None,
            "inventory_dir": os.path.dirname(os.path.abspath(host.source)) if host.source else None,
            "group_names": list(host.groups),
            "groups": self._all_groups,
        }

    @cached_property
    def _all_groups(self) -> dict[str, Value]:
        """Made once: with many hosts it is large."""
        return {name: list(group.hosts) for name, group in self.groups.items()}

    @property
    def names(self) -> frozenset[str]:
        """All variables that some host has, or that the text of one refers to."""
        found: set[str] = set()
        written: dict[int, YamlNode] = {}
        everybody = (*self.hosts.values(), self.implicit)
        for layer in {id(layer): layer for host in everybody for layer in layers_of(host.variables)}.values():
            for name, authored in layer.items():
                found.add(name)
                if isinstance(authored, (YamlScalar, YamlSequence, YamlMapping)):
                    written[id(authored)] = authored
        for node in written.values():
            found.update(*(template.names for _, template in templates_in(node)))
        return frozenset(found)
