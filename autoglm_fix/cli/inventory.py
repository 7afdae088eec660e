"""``autoglm-fix inventory``: hosts, groups and variables, as ``ansible-inventory`` prints them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options, reaching

if TYPE_CHECKING:
    from autoglm_fix.authored.vault import Keyring
    from autoglm_fix.authored.yaml_source import Value
    from autoglm_fix.inventory import Host, Inventory
    from autoglm_fix.report.secrets import Secrets


@click.command("inventory")
@options.inventory_option
@click.option("--list", "as_list", is_flag=True, help="All hosts and groups, as an executable inventory prints them.")
@click.option("--graph", is_flag=True, help="The groups as a tree; GROUP is its top.")
@click.option("--host", "host", metavar="HOST", help="The variables of one host.")
@options.limit_option
@click.option("--vars", "with_variables", is_flag=True, help="With --graph: the variables of hosts and groups as well.")
@click.option("--services", "of_services", is_flag=True, help="The services that hosts declare, in place of variables.")
@click.option("-y", "--yaml", "as_yaml", is_flag=True, help="YAML in place of JSON.")
@click.option(
    "--playbook-dir",
    "playbook_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read the group_vars and host_vars of this folder too, as for a playbook in it.",
)
@reaching.vault_options
@click.argument("group", default="all")
def command(
    inventories: tuple[str, ...],
    as_list: bool,
    graph: bool,
    host: str | None,
    limit: str | None,
    with_variables: bool,
    of_services: bool,
    as_yaml: bool,
    playbook_folder: Path | None,
    group: str,
    **given: Any,
) -> int:
    """Show the hosts of an inventory: --list, --graph, or --host HOST."""
    from autoglm_fix.authored.problems import BadInput
    from autoglm_fix.inventory import listing, load_inventory

    from .failed import within

    if as_list + graph + (host is not None) != 1:
        raise click.UsageError("choose one of --list, --graph and --host HOST.")
    config = reaching.of_folder()
    reaching.tell(config, hosts=False)
    keys = reaching.keyring(given, config)
    try:
        inventory = load_inventory(inventories, keys, playbook_folder=playbook_folder)
        if graph:
            _check_group(inventory, group)
            click.echo("\n".join(listing.graph(inventory, group, with_variables=with_variables)))
            return 0
        if host is not None:
            (one,) = _only(inventory, host)
            _print(_services(one, keys) if of_services else dict(listing.variables(one)), as_yaml)
            return 0
        nobody = limit is None and not inventory.hosts
        chosen = {} if nobody else {each.name: each for each in inventory.select("all", within(limit))}
        if of_services:
            _print({name: _services(each, keys) for name, each in chosen.items()}, as_yaml)
        else:
            _print((listing.nested if as_yaml else listing.listed)(inventory, chosen), as_yaml)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False, secrets=keys.values)
    return 0


def _check_group(inventory: Inventory, group: str) -> None:
    from autoglm_fix.authored.problems import BadInput, Position, did_you_mean, quoted

    if group not in inventory.groups:
        hint = did_you_mean(group, inventory.groups, nouns="groups")
        raise BadInput([Position("GROUP").problem(f"there is no group {quoted(group)}", hint)])


def _only(inventory: Inventory, host: str) -> tuple[Host]:
    from autoglm_fix.authored.problems import BadInput, Position, quoted

    at = Position("--host")
    found = inventory.select(host, at=at)
    if len(found) != 1:
        raise BadInput([at.problem(f"{quoted(host)} is {len(found)} hosts: name one")])
    return (found[0],)


def _services(host: Host, keys: Keyring) -> list[Value]:
    """The services of a host, without what was encrypted."""
    from autoglm_fix.inventory import services
    from autoglm_fix.report.secrets import Secrets

    secrets = Secrets(keys.values)
    return [_hidden(asdict(service), secrets) for service in services(host)]


def _hidden(value: Value, secrets: Secrets) -> Value:
    if isinstance(value, dict):
        return {key: _hidden(each, secrets) for key, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each, secrets) for each in value]
    return secrets.hide(value) if isinstance(value, str) else value


def _print(value: Value, as_yaml: bool) -> None:
    if as_yaml:
        click.echo(_as_yaml(value), nl=False)
    else:
        click.echo(json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False))


def _as_yaml(value: Value) -> str:
    """YAML, with what is encrypted as it stands in a file."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def mapping(dumper: Dumper, written: dict[str, Value]) -> yaml.Node:
        sealed = written.get("__ansible_vault")
        if len(written) == 1 and isinstance(sealed, str):
            return dumper.represent_scalar("!vault", sealed, style="|")
        return dumper.represent_dict(written)

    Dumper.add_representer(dict, mapping)
    text: str = yaml.dump(value, Dumper=Dumper, default_flow_style=False, allow_unicode=True)
    return text
