"""``autoglm-fix undo [RUN]``: bring back what a run changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options, reaching

if TYPE_CHECKING:
    from autoglm_fix.engine.undoing import HostUndo, Undo
    from autoglm_fix.records import Record, Records
    from autoglm_fix.report.secrets import Secrets
    from autoglm_fix.report.words import Words


@click.command("undo")
@click.argument("run", required=False)
@click.option("-n", "--dry-run", "-C", "--check", "dry_run", is_flag=True, help="Only show what would come back.")
@click.option("--force", is_flag=True, help="Also where a file was edited since.")
@options.yes_option
@options.inventory_option
@reaching.host_options
@reaching.vault_options
@options.lang_option
def command(
    run: str | None,
    dry_run: bool,
    force: bool,
    yes: bool,
    inventories: tuple[str, ...],
    lang: str | None,
    **given: Any,
) -> int:
    """Bring back what RUN changed; without RUN, the newest run that changed something.

    A host where one of the files was edited since refuses, and nothing there is touched, unless
    --force is given. Hosts are reached as RUN reached them. No record keeps a password: where it had some,
    give them again, with -K, -k, or the inventory (-i) that holds them.
    """
    from autoglm_fix.authored.problems import BadInput
    from autoglm_fix.connect.connections import Connections
    from autoglm_fix.connect.route import Route
    from autoglm_fix.engine.run import new_run_id
    from autoglm_fix.engine.undoing import Undo
    from autoglm_fix.records import NoSuchRun, Records, state_dir
    from autoglm_fix.report.secrets import Secrets
    from autoglm_fix.report.words import Words

    from .again import credentials_again, lacking

    words = Words(options.language(lang))
    records = Records(Path(state_dir()))
    try:
        record = records.load(run) if run else records.newest_change()
    except NoSuchRun as err:
        known = ", ".join(err.known)
        say = words.say("undo.no-such-run", run=run, known=known) if run else words.say("undo.nothing")
        click.echo(say, err=True)
        return options.BAD_INPUT if run else 0
    routes = {host: Route.from_dict(route) for host, route in record.hosts.items()}
    said = reaching.taken(given)
    try:
        credentials = credentials_again(record.hosts, inventories, said["asked"], said["keys"])
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False, secrets=said["keys"].values)
    missing = lacking(record.hosts, credentials)
    if missing:
        click.echo(words.say("undo.needs-password", host=missing[0], count=len(missing)), err=True)
        return options.BAD_INPUT
    secrets = Secrets([*said["keys"].values, *(word for each in credentials.values() for word in each.words)])
    with Connections(accept_new=said["accept_new"]) as connections:
        hosts = {
            host: (partial(connections.open, host, route, credentials[host]), route.state_dir)
            for host, route in routes.items()
        }
        undo = Undo(record.run, new_run_id(), options.who(), hosts, lambda _event: None)
        return _bring_back(undo, record, records, _Telling(words, secrets), dry_run=dry_run, force=force, yes=yes)


def _bring_back(
    undo: Undo, record: Record, records: Records, tell: _Telling, *, dry_run: bool, force: bool, yes: bool
) -> int:
    """Show what would come back, ask, and bring it back; the exit code."""
    preview = undo.preview()
    asking = not yes and sys.stdin.isatty()
    if dry_run or asking or force or not all(host.ok and host.restored for host in preview):
        tell.show(record.run, preview)
    if dry_run or not any(host.restored for host in preview):
        if not dry_run and record.document is None and all(host.ok for host in preview):
            # A run that was killed before it changed anything would else be the newest one for ever.
            records.mark_undone(record.run, {"by": undo.run_id, "who": undo.who})
        return _code(preview)
    if not force and not all(host.ok for host in preview):
        click.echo(tell.words.say("undo.refused-all"))
        return options.FAILED
    if asking and not options.ask(tell.words.say("undo.question")):
        return 0
    done = undo.carry_out(force=force)
    tell.show(record.run, done)
    if all(host.ok for host in done):
        records.mark_undone(record.run, {"by": undo.run_id, "who": undo.who})
    return _code(done)


class _Telling:
    """What people are told of an undo: nothing that is secret, nothing that a terminal would obey."""

    def __init__(self, words: Words, secrets: Secrets) -> None:
        self.words = words
        self._secrets = secrets

    def show(self, run: str, hosts: Sequence[HostUndo]) -> None:
        """What became of each host."""
        click.echo(self.words.say("undo.run", run=run))
        for host in hosts:
            if host.error is not None:
                click.echo(f"  {host.host}: {self._safe(self.words.fault(host.error))}")
                hint = str(self.words.hint(host.error))
                if hint:
                    click.echo(f"    {self._safe(hint)}")
            for entry in host.restored:
                why = f" ({entry.problem})" if entry.problem else ""
                click.echo(f"  {host.host}: {self.words.say(f'undo.{entry.state}')} {self._safe(entry.path + why)}")
            if not host.restored and host.error is None:
                click.echo(f"  {host.host}: {self.words.say('undo.nothing-here')}")

    def _safe(self, text: str) -> str:
        from autoglm_fix.report.safe import safe

        return safe(self._secrets.hide(text))


def _code(hosts: Sequence[HostUndo]) -> int:
    return 0 if all(host.ok for host in hosts) else options.FAILED
