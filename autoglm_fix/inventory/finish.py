"""From what the sources said to the inventory: memberships, and each host's variables, ranked as Ansible ranks them."""

from __future__ import annotations

from collections.abc import Sequence

from autoglm_fix.authored.problems import Position
from autoglm_fix.authored.variables import Authored, Layer
from autoglm_fix.authored.yaml_source import YamlScalar

from .addresses import LOCALHOSTS
from .draft import ALL, PRIORITY, Draft
from .lineage import Lineage, lineage
from .model import LOCAL_CONNECTION, LOCALHOST, Group, Host, Inventory
from .ranked import Ranked
from .vars_files import Beside


def finish(draft: Draft, inventories: Sequence[Beside], playbook: Sequence[Beside]) -> Inventory:
    """The inventory; empty after adding to the draft's problems where groups contain themselves.

    ``inventories`` are the variables from beside each source, in the order of the sources, ``playbook`` those from
    beside the playbook.
    """
    found = lineage(draft)
    if found is None:
        return Inventory({})
    ranking = _Ranking(draft, found, inventories, playbook)
    hosts = {name: ranking.host(name, groups) for name, groups in found.of_host.items()}
    groups = {
        name: Group(name, found.below[name], found.children[name], found.own[name], ranking.of_group(name))
        for name in draft.groups
    }
    return Inventory(hosts, groups, ranking.implicit())


class _Ranking:
    def __init__(self, draft: Draft, found: Lineage, inventories: Sequence[Beside], playbook: Sequence[Beside]) -> None:
        self._draft = draft
        self._order = found.order
        self._inventories = inventories
        self._playbook = playbook
        self._beside = (*inventories, *playbook)
        self._shared: dict[frozenset[str], Layer] = {}
        self._named: dict[frozenset[str], tuple[str, ...]] = {}

    def host(self, name: str, groups: frozenset[str]) -> Host:
        if groups not in self._shared:
            self._shared[groups] = self._of_groups(groups)
            self._named[groups] = tuple(sorted(groups))
        shared, own = self._shared[groups], self._own(name)
        assumed: Layer = {}
        if name in LOCALHOSTS and "ansible_host" not in own and "ansible_host" not in shared:
            assumed = {key: value for key, value in LOCAL_CONNECTION.items() if key not in own and key not in shared}
        return Host(
            name,
            Ranked(shared, {**assumed, **own}) if own or assumed else shared,
            self._named[groups],
            frozenset(assumed),
            self._draft.hosts[name].source,
        )

    def implicit(self) -> Host:
        """This machine, where the inventory doesn't name it: what is said of all hosts, and of it by files."""
        own = {**LOCAL_CONNECTION, **self._of_files(LOCALHOST)}
        return Host(LOCALHOST, Ranked(self._of_groups(frozenset()), own))

    def of_group(self, name: str) -> Layer:
        """What is said of one group alone."""
        group = self._draft.groups[name]
        merged = dict(group.variables)
        for beside in self._beside:
            merged.update(beside.groups.get(name, {}))
        if group.priority != 1:
            merged[PRIORITY] = YamlScalar(group.priority, Position(""))
        return merged

    def _of_groups(self, groups: frozenset[str]) -> Layer:
        """First the inventory's own words, then the files beside it, then those beside the playbook."""
        ranked = [name for name in self._order if name in groups]
        merged: dict[str, Authored] = {}
        for name in (ALL, *ranked):
            merged.update(self._draft.groups[name].variables)
        for beside in self._beside:
            merged.update(beside.groups.get(ALL, {}))
        for folders in (self._inventories, self._playbook):
            for beside in folders:
                for name in ranked:
                    merged.update(beside.groups.get(name, {}))
        return merged

    def _own(self, host: str) -> Layer:
        return {**self._draft.hosts[host].variables, **self._of_files(host)}

    def _of_files(self, host: str) -> dict[str, Authored]:
        merged: dict[str, Authored] = {}
        for beside in self._beside:
            merged.update(beside.hosts.get(host, {}))
        return merged
