"""``autoglm-fix run PLAYBOOK``: diagnose, repair, prove."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options

if TYPE_CHECKING:
    from autoglm_fix.engine.events import PlansReady
    from autoglm_fix.engine.results import RunResult

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
@click.option("-f", "--forks", type=click.IntRange(1), default=50, show_default=True, help="Hosts at a time.")
@click.option("-b", "--become", is_flag=True, help="Act as root (not available in this version).")
@click.option("-K", "--ask-become-pass", is_flag=True, help="Ask for its password (not available in this version).")
@options.yes_option
@click.option("--allow", metavar="LIST", help="Allow disruptive kinds of changes by name.")
@click.option("--even-if-working", is_flag=True, help="Also restart services that answer.")
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
    have been looked at and, on a terminal, the plan has been agreed to.
    """
    from .orders import Choice

    if given["become"] or given["ask_become_pass"]:
        raise click.UsageError("--become is not available in this version: run as a user who may write the files.")
    if given["exit_on_pending"] and not given["dry_run"]:
        raise click.UsageError("--exit-on-pending goes with --dry-run.")
    choice = Choice(
        playbook=playbook,
        inventories=given["inventories"],
        limit=given["limit"],
        extra_vars=given["extra_vars"],
        service=given["service"],
        tags=given["tags"],
        skip_tags=given["skip_tags"],
        start_at=given["start_at"],
        allow=_words(given["allow"]),
    )
    return carry_out(choice, given)


def carry_out(choice: Choice, given: dict[str, Any]) -> int:
    """Check, run, report; the exit code."""
    from autoglm_fix.authored.problems import BadInput

    from .orders import prepare

    as_json = given["format_"] != "text"
    try:
        prepared = prepare(choice)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=as_json)
    if given.get("syntax_check"):
        click.echo(f"{choice.playbook}: playbook and inventory are well-formed")
        return 0
    if given.get("list_hosts") or given.get("list_steps"):
        _list(prepared, hosts=bool(given.get("list_hosts")))
        return 0
    return _run(choice, prepared, given).exit_code


def _run(choice: Choice, prepared: Prepared, given: dict[str, Any]) -> RunResult:
    from autoglm_fix.engine.run import Order, new_run_id, run
    from autoglm_fix.records import Records, state_dir
    from autoglm_fix.report.document import step_document
    from autoglm_fix.report.words import Words

    from .listeners import Outputs

    dry_run = bool(given.get("dry_run"))
    order = Order(
        playbook=str(choice.playbook),
        targets=prepared.targets,
        plays=prepared.limits,
        who=options.who(),
        dry_run=dry_run,
        verify=not given.get("no_verify"),
        exit_on_pending=bool(given.get("exit_on_pending")),
        forks=int(given.get("forks") or 50),
    )
    run_id = new_run_id()
    english = Words()
    routes = {name: route.as_dict() for name, route in prepared.routes.items()}
    records = Records(Path(state_dir()))

    def remember() -> None:
        records.start(run_id, choice.playbook, routes)

    with Outputs(choice, given, None if dry_run else records, remember) as outputs:
        return run(
            order, run_id, outputs.listen, _approval(given, outputs, remember), lambda s: step_document(s, english)
        )


def _approval(given: dict[str, Any], outputs: Any, remember: Callable[[], None]) -> Callable[[PlansReady], bool]:
    """The one question before changes; what is agreed to is noted before the first change."""

    def approve(plans: PlansReady) -> bool:
        agreed = bool(given.get("yes")) or not sys.stdin.isatty() or options.ask(outputs.question(plans))
        if agreed:
            remember()
        return agreed

    return approve


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


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
