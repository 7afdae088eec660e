"""``autoglm-fix inventory``: hosts, groups and variables as the tool sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from . import options

if TYPE_CHECKING:
    from autoglm_fix.inventory import Host, Inventory


@click.command("inventory")
@options.inventory_option
@click.option("--list", "as_list", is_flag=True, help="All hosts and groups, as JSON.")
@click.option("--graph", is_flag=True, help="The groups as a tree.")
@click.option("--host", "host", metavar="HOST", help="The variables and services of one host, as JSON.")
@options.limit_option
def command(inventories: tuple[str, ...], as_list: bool, graph: bool, host: str | None, limit: str | None) -> int:
    """Show the hosts of an inventory: --list, --graph, or --host HOST."""
    from autoglm_fix.authored.problems import BadInput, Position, did_you_mean
    from autoglm_fix.inventory import load_inventory

    if as_list + graph + (host is not None) != 1:
        raise click.UsageError("choose one of --list, --graph and --host HOST.")
    try:
        inventory = load_inventory(inventories)
        chosen = {each.name: each for each in inventory.select("all", limit)}
        if host is not None and host not in chosen:
            hint = did_you_mean(host, chosen, nouns="hosts")
            raise BadInput([Position("--host").problem(f"there is no host '{host}'", hint)])
        if graph:
            click.echo("\n".join(_tree(inventory, "all", set(chosen), 0)))
        elif host is not None:
            click.echo(json.dumps(_host(inventory, chosen[host]), indent=2, ensure_ascii=False))
        else:
            click.echo(json.dumps(_listed(inventory, chosen), indent=2, ensure_ascii=False))
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False)
    return 0


def _tree(inventory: Inventory, name: str, chosen: set[str], depth: int) -> list[str]:
    group = inventory.groups.get(name)
    lines = [f"{'  ' * depth}@{name}"]
    if group is None:
        return lines
    below = {host for child in group.children for host in inventory.groups[child].hosts}
    for child in group.children:
        lines += _tree(inventory, child, chosen, depth + 1)
    return lines + [f"{'  ' * (depth + 1)}{host}" for host in group.hosts if host in chosen - below]


def _listed(inventory: Inventory, chosen: dict[str, Host]) -> dict[str, Any]:
    groups = {
        name: {"hosts": [host for host in group.hosts if host in chosen], "children": list(group.children)}
        for name, group in inventory.groups.items()
    }
    return {"_meta": {"hostvars": {name: _variables(host) for name, host in chosen.items()}}, **groups}


def _host(inventory: Inventory, host: Host) -> dict[str, Any]:
    from dataclasses import asdict

    from autoglm_fix.inventory import services

    declared = [asdict(service) for service in services(host)]
    return {"groups": list(host.groups), "variables": _variables(host), "services": declared}


def _variables(host: Host) -> dict[str, Any]:
    from autoglm_fix.authored.variables import as_written

    return {name: as_written(value) for name, value in host.variables.items()}
