"""``autoglm-fix lint PLAYBOOK...``: all that is wrong or likely not meant, without contacting any host."""

from __future__ import annotations

from typing import Any

import click

from . import options


@click.command("lint")
@click.argument("playbooks", nargs=-1, required=True)
@options.inventory_option
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
def command(playbooks: tuple[str, ...], inventories: tuple[str, ...], strict: bool) -> int:
    """Check PLAYBOOKS. Exits with 4 where one could not be run.

    With -i, names that neither a playbook nor the inventory defines are errors.
    """
    from autoglm_fix.authored.problems import BadInput
    from autoglm_fix.playbook.lint import lint

    remarks: list[Any] = []
    try:
        outside = _names(inventories)
        for playbook in playbooks:
            remarks += lint(_path(playbook), outside=outside)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False)
    for remark in remarks:
        click.echo(str(remark))
    errors = sum(1 for remark in remarks if remark.level == "error" or strict)
    if not remarks:
        click.echo(f"{', '.join(playbooks)}: nothing to remark")
    return options.BAD_INPUT if errors else 0


def _path(playbook: str) -> Any:
    from autoglm_fix.playbook import find_playbook

    return find_playbook(playbook)


def _names(inventories: tuple[str, ...]) -> frozenset[str] | None:
    from autoglm_fix.inventory import load_inventory

    return load_inventory(inventories).names if inventories else None
