"""``autoglm-fix undo [RUN]``: bring back what a run changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options

if TYPE_CHECKING:
    from autoglm_fix.engine.undoing import HostUndo
    from autoglm_fix.report.words import Words


@click.command("undo")
@click.argument("run", required=False)
@click.option("-n", "--dry-run", "-C", "--check", "dry_run", is_flag=True, help="Only show what would come back.")
@click.option("--force", is_flag=True, help="Also where a file was edited since.")
@options.yes_option
@options.lang_option
def command(run: str | None, dry_run: bool, force: bool, yes: bool, lang: str | None) -> int:
    """Bring back what RUN changed; without RUN, the newest run that changed something.

    A host where one of the files was edited since refuses, and nothing there is touched, unless
    --force is given.
    """
    from autoglm_fix.connect.transport import Route
    from autoglm_fix.engine.run import new_run_id
    from autoglm_fix.engine.undoing import Undo
    from autoglm_fix.records import NoSuchRun, Records, state_dir
    from autoglm_fix.report.words import Words

    words = Words(options.language(lang))
    records = Records(Path(state_dir()))
    try:
        record = records.load(run) if run else records.newest_change()
    except NoSuchRun as err:
        known = ", ".join(err.known)
        say = words.say("undo.no-such-run", run=run, known=known) if run else words.say("undo.nothing")
        click.echo(say, err=True)
        return options.BAD_INPUT if run else 0
    routes = {host: Route(**route) for host, route in record.hosts.items()}
    hosts = {host: (route.open, route.state_dir) for host, route in routes.items()}
    undo = Undo(record.run, new_run_id(), options.who(), hosts, lambda _event: None)
    preview = undo.preview()
    asking = not yes and sys.stdin.isatty()
    if dry_run or asking or force or not all(host.ok and host.restored for host in preview):
        _show(words, record.run, preview)
    if dry_run or not any(host.restored for host in preview):
        if not dry_run and record.document is None and all(host.ok for host in preview):
            # A run that was killed before it changed anything would else be the newest one for ever.
            records.mark_undone(record.run, {"by": undo.run_id, "who": undo.who})
        return _code(preview)
    if not force and not all(host.ok for host in preview):
        click.echo(words.say("undo.refused-all"))
        return options.FAILED
    if asking and not options.ask(words.say("undo.question")):
        return 0
    done = undo.carry_out(force=force)
    _show(words, record.run, done)
    if all(host.ok for host in done):
        records.mark_undone(record.run, {"by": undo.run_id, "who": undo.who})
    return _code(done)


def _show(words: Words, run: str, hosts: Sequence[HostUndo]) -> None:
    from autoglm_fix.report.safe import safe

    click.echo(words.say("undo.run", run=run))
    for host in hosts:
        if host.error is not None:
            click.echo(f"  {host.host}: {safe(words.fault(host.error))}")
        for entry in host.restored:
            why = f" ({entry.problem})" if entry.problem else ""
            click.echo(f"  {host.host}: {words.say(f'undo.{entry.state}')} {safe(entry.path + why)}")
        if not host.restored and host.error is None:
            click.echo(f"  {host.host}: {words.say('undo.nothing-here')}")


def _code(hosts: Sequence[HostUndo]) -> int:
    return 0 if all(host.ok for host in hosts) else options.FAILED
