"""``autoglm-fix run PLAYBOOK``: diagnose, repair, prove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from . import options, reaching

if TYPE_CHECKING:
    from .orders import Choice, Prepared


@click.command("run")
@click.argument("playbook")
@options.inventory_option
@options.limit_option
@options.extra_vars_option
@click.option("--service", metavar="NAME", help="Only this service of each host.")
@click.option("--dry-run", "-C", "--check", "dry_run", is_flag=True, help="Look, and show every change as a diff.")
@click.option("-D", "--diff", is_flag=True, help="Show every line of every diff.")
@click.option("-t", "--tags", multiple=True, metavar="TAGS", help="Only steps with one of these tags.")
@click.option("--skip-tags", multiple=True, metavar="TAGS", help="No steps with one of these tags.")
@click.option("--start-at", metavar="STEP", help="Begin with the step of this name.")
@options.forks_option
@reaching.host_options
@reaching.vault_options
@options.yes_option
@click.option("--allow", metavar="LIST", help="Allow disruptive kinds of changes by name.")
@click.option("--even-if-working", is_flag=True, help="Also interrupt services that answer.")
@click.option("--no-verify", is_flag=True, help="Leave the proof out.")
@click.option("--list-hosts", is_flag=True, help="Only print the selected hosts.")
@click.option("--list-steps", is_flag=True, help="Only print the selected steps.")
@click.option("--syntax-check", is_flag=True, help="Only check playbook and inventory.")
@options.output_options
@click.option("--exit-on-pending", is_flag=True, help="With --dry-run: exit with 5 where changes are pending.")
@click.option("--reason", metavar="TEXT", help="Why, for the record of this run.")
@options.lang_option
@click.option("-v", "--verbose", count=True, help="More; -vv also shows tracebacks.")
def command(playbook: str, **given: Any) -> int:
    """Diagnose every service as PLAYBOOK says, make the smallest changes that cure it, and prove that it generates.

    PLAYBOOK is a file, or the name of a shipped one (no-output). Nothing is changed before all hosts
    have been looked at and, on a terminal, the plan has been agreed to. --limit @failed:RUN (or @failed,
    for the newest run) takes the hosts on which a run did not end well.
    """
    from .orders import Choice

    if given["exit_on_pending"] and not given["dry_run"]:
        raise click.UsageError("--exit-on-pending goes with --dry-run.")
    given["allow"] = options.words(given["allow"])
    manner = options.taken(options.Manner, given)
    contacting = not (given["syntax_check"] or given["list_hosts"] or given["list_steps"])
    known = reaching.taken(given, contacting=contacting, as_json=manner.format_ != "text")
    choice = options.taken(Choice, given, playbook=playbook, **known)
    prepared = checked(choice, manner)
    if given["syntax_check"]:
        click.echo(f"{choice.playbook}: playbook and inventory are well-formed")
        return 0
    if given["list_hosts"] or given["list_steps"]:
        _list(prepared, hosts=given["list_hosts"])
        return 0
    return carry_out(choice, prepared, manner)


def checked(choice: Choice, manner: options.Manner) -> Prepared:
    """What was asked for, read and checked; or the end of this process, with all that is wrong said."""
    from autoglm_fix.authored.problems import BadInput

    from .orders import prepare

    try:
        return prepare(choice)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=manner.format_ != "text")


def carry_out(choice: Choice, prepared: Prepared, manner: options.Manner) -> int:
    """Run and report; the exit code."""
    from .files import Files

    options.warn(prepared.warnings, prepared.secrets)
    with prepared.connections, Files(manner) as files:
        # They answer while the engine and the reports are loaded.
        prepared.connections.expect(prepared.first(manner.forks))
        from .carrying import carry_out

        return carry_out(choice, prepared, manner, files)


def _list(prepared: Prepared, *, hosts: bool) -> None:
    for number, play in enumerate(prepared.playbook.plays):
        click.echo(f"play: {play.name}")
        for target in prepared.targets:
            scripts: Sequence[Any] = target.plays[number]
            if hosts and scripts:
                click.echo(f"  {target.name}: {', '.join(script.service.name for script in scripts)}")
        steps = next((target.plays[number][0].steps for target in prepared.targets if target.plays[number]), ())
        for step in () if hosts else steps:
            tags = f"  [{', '.join(step.tags)}]" if step.tags else ""
            click.echo(f"  {step.name}{tags}")
