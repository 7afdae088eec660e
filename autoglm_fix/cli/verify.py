"""``autoglm-fix verify [PLAYBOOK]``: only the proof."""

from __future__ import annotations

from typing import Any

import click

from . import options, reaching


@click.command("verify")
@click.argument("playbook", default="no-output")
@options.inventory_option
@options.limit_option
@options.extra_vars_option
@click.option("--service", metavar="NAME", help="Only this service of each host.")
@click.option("-f", "--forks", type=click.IntRange(1), default=50, show_default=True, help="Hosts at a time.")
@reaching.host_options
@reaching.vault_options
@options.output_options
@options.lang_option
@click.option("-v", "--verbose", count=True, help="More; -vv also shows tracebacks.")
def command(playbook: str, **given: Any) -> int:
    """Prove that every service generates, as the verify part of PLAYBOOK (no-output) says. Nothing is changed."""
    from .orders import Choice
    from .run import carry_out, checked

    manner = options.taken(options.Manner, given, yes=True)
    known = reaching.taken(given, as_json=manner.format_ != "text")
    choice = options.taken(Choice, given, playbook=playbook, steps=False, **known)
    return carry_out(choice, checked(choice, manner), manner)
