"""``autoglm-fix lint PLAYBOOK...``: all that is wrong or likely not meant, without contacting any host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options, reaching

if TYPE_CHECKING:
    from autoglm_fix.authored.vault import Keyring


@click.command("lint")
@click.argument("playbooks", nargs=-1, required=True)
@options.inventory_option
@reaching.vault_options
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
def command(playbooks: tuple[str, ...], inventories: tuple[str, ...], strict: bool, **given: Any) -> int:
    """Check PLAYBOOKS. Exits with 4 where one could not be run.

    With -i, names that neither a playbook nor the inventory defines are errors.
    """
    from autoglm_fix.authored.problems import BadInput
    from autoglm_fix.playbook.lint import lint

    keys = reaching.keyring(given, reaching.of_folder())
    remarks: list[Any] = []
    try:
        for playbook in playbooks:
            file = _path(playbook)
            remarks += lint(file, outside=_names(inventories, file.parent, keys), keys=keys)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False, secrets=keys.values)
    for remark in remarks:
        click.echo(str(remark))
    errors = sum(1 for remark in remarks if remark.level == "error" or strict)
    if not remarks:
        click.echo(f"{', '.join(playbooks)}: nothing to remark")
    return options.BAD_INPUT if errors else 0


def _path(playbook: str) -> Path:
    from autoglm_fix.playbook import find_playbook

    return find_playbook(playbook)


def _names(inventories: tuple[str, ...], playbook_folder: Path, keys: Keyring) -> frozenset[str] | None:
    from autoglm_fix.inventory import load_inventory

    return load_inventory(inventories, keys, playbook_folder=playbook_folder).names if inventories else None
