"""An inventory as ``ansible-inventory`` prints it: the list, the graph, one host's variables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from autoglm_fix.authored.variables import Authored, Layer, as_written
from autoglm_fix.authored.yaml_source import Value, YamlMapping, YamlScalar, YamlSequence

from .draft import ALL
from .model import Host, Inventory
from .plain_values import NO_TEMPLATE

# Names that every host has, whatever its inventory says: they are no variables of its own.
_EVERYBODYS = frozenset(
    {
        *("inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short", "groups", "group_names"),
        *("hostvars", "playbook_dir", "play_hosts", "role_name", "role_names", "role_path", "role_uuid"),
        *(
            f"ansible_{name}"
            for name in (
                *("async_path", "collection_name", "config_file", "dependent_role_names", "diff_mode", "facts"),
                *("forks", "inventory_sources", "limit", "play_batch", "play_hosts", "play_hosts_all"),
                *("play_role_names", "playbook_python", "role_name", "role_names", "run_tags", "skip_tags"),
                *("verbosity", "version"),
            )
        ),
    }
)


def variables(host: Host) -> dict[str, Value]:
    """A host's variables as they are written, templates and all; not those that nobody wrote."""
    return _shown(host.variables, host.assumed)


def listed(inventory: Inventory, chosen: Collection[str]) -> dict[str, Value]:
    """The groups and variables of the chosen hosts, as an executable inventory prints them for ``--list``."""
    found: dict[str, Value] = {}
    for name in _reached(inventory):
        group = inventory.groups[name]
        parts: dict[str, Value] = {
            "hosts": [] if name == ALL else [host for host in group.own if host in chosen],
            "children": list(group.children),
        }
        if any(parts.values()):
            found[name] = {key: value for key, value in parts.items() if value}
    told = {
        name: _shown(host.variables, host.assumed, _marked) for name, host in inventory.hosts.items() if name in chosen
    }
    hostvars: dict[str, Value] = {name: values for name, values in told.items() if values}
    return {"_meta": {"hostvars": hostvars, "profile": "inventory_legacy"}, **found}


def nested(inventory: Inventory, chosen: Collection[str]) -> dict[str, Value]:
    """The same as a YAML inventory: each group below its first parent, each host's variables where it first stands."""
    groups: set[str] = set()
    hosts: set[str] = set()

    def variables_once(name: str) -> dict[str, Value]:
        known = name in hosts
        hosts.add(name)
        return {} if known else variables(inventory.hosts[name])

    def below(name: str) -> dict[str, Value]:
        children: dict[str, Value] = {}
        for child in inventory.groups[name].children:
            inner = {} if child in groups else below(child)
            if inner or child in groups:
                children[child] = inner
            groups.add(child)
        own = [] if name == ALL else inventory.groups[name].own
        members: dict[str, Value] = {host: variables_once(host) for host in own if host in chosen}
        parts: dict[str, Value] = {"children": children, "hosts": members}
        return {key: value for key, value in parts.items() if value}

    return {ALL: below(ALL)}


def graph(inventory: Inventory, top: str, *, with_variables: bool = False) -> Iterator[str]:
    """The groups and hosts below a group as a tree, line by line."""

    def of_variables(layer: Layer, depth: int, left_out: frozenset[str] = frozenset()) -> Iterator[str]:
        if with_variables:
            for name, value in sorted(_shown(layer, left_out).items()):
                yield _indented(f"{{{name} = {value}}}", depth)

    def of_group(name: str, depth: int) -> Iterator[str]:
        group = inventory.groups[name]
        yield _indented(f"@{name}:", depth)
        for child in group.children:
            yield from of_group(child, depth + 1)
        for host in () if name == ALL else group.own:
            yield _indented(host, depth + 1)
            yield from of_variables(inventory.hosts[host].variables, depth + 2, inventory.hosts[host].assumed)
        yield from of_variables(group.variables, depth + 1)

    return of_group(top, 0)


def _reached(inventory: Inventory) -> Iterator[str]:
    seen = {ALL}
    waiting = [ALL]
    while waiting:
        name = waiting.pop(0)
        yield name
        new = [child for child in inventory.groups[name].children if child not in seen]
        seen.update(new)
        waiting += new


def _shown(
    layer: Layer, left_out: frozenset[str], as_shown: Callable[[Authored], Value] = as_written
) -> dict[str, Value]:
    hidden = left_out | _EVERYBODYS
    return {name: as_shown(value) for name, value in layer.items() if name not in hidden}


def _marked(authored: Authored) -> Value:
    """A value as written, with what is no template marked, for whoever reads the list as an inventory."""
    if isinstance(authored, YamlScalar):
        return {NO_TEMPLATE: authored.value} if authored.verbatim else authored.value
    if isinstance(authored, YamlSequence):
        return [_marked(item) for item in authored.items]
    if isinstance(authored, YamlMapping):
        return {key: _marked(entry.value) for key, entry in authored.entries.items()}
    return as_written(authored)


def _indented(text: str, depth: int) -> str:
    return f"{'  |' * depth}--{text}" if depth else text
