"""``autoglm-fix undo [RUN]``: bring back what a run changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event
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
@options.limit_option
@options.inventory_option
@options.forks_option
@reaching.host_options
@reaching.vault_options
@options.lang_option
def command(
    run: str | None,
    dry_run: bool,
    force: bool,
    yes: bool,
    limit: str | None,
    inventories: tuple[str, ...],
    lang: str | None,
    **given: Any,
) -> int:
    """Bring back what RUN changed; without RUN, the newest run that changed something.

    A host where one of the files was edited since refuses, and nothing there is touched, unless
    --force is given; the others are brought back. With --limit only those of RUN's hosts are; the same
    command without it does the rest later. Hosts are reached as RUN reached them. No record keeps
    a password: where it had some, give them again, with -K, -k, or the inventory (-i) that holds them.
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
    concerned = _concerned(record)
    try:
        chosen = _within(limit, list(concerned))
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False)
    whole = len(chosen) == len(concerned)
    concerned = {host: concerned[host] for host in chosen}
    routes = {host: Route.from_dict(route) for host, route in concerned.items()}
    said = reaching.taken(given, telling=False)
    try:
        credentials, jump_logins = credentials_again(concerned, inventories, said["asked"], said["keys"])
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=False, secrets=said["keys"].values)
    missing = lacking(concerned, credentials)
    if missing:
        click.echo(words.say("undo.needs-password", host=missing[0], count=len(missing)), err=True)
        return options.BAD_INPUT
    secrets = Secrets([*said["keys"].values, *(word for each in credentials.values() for word in each.words)])
    stop = Event()
    with Connections(accept_new=said["accept_new"], stop=stop, jump_logins=jump_logins) as connections:
        hosts = {
            host: (partial(connections.open, host, route, credentials[host]), route.state_dir)
            for host, route in routes.items()
        }
        undo = Undo(record.run, new_run_id(), options.who(), hosts, lambda _event: None, given["forks"], stop)
        return _bring_back(
            undo, record, records if whole else None, _Telling(words, secrets), dry_run=dry_run, force=force, yes=yes
        )


def _within(limit: str | None, hosts: list[str]) -> list[str]:
    """Those of the run's hosts that the limit names. Raises BadInput."""
    if limit is None:
        return hosts
    from autoglm_fix.authored.problems import Position
    from autoglm_fix.inventory.pattern import select

    from .failed import within

    (chosen,) = select(hosts, {}, [("all", Position("hosts"))], within(limit))
    return chosen


def _concerned(record: Record) -> dict[str, Mapping[str, Any]]:
    """The hosts on which the run may have changed something, and how they are reached. One that never ended: all."""
    if record.document is None:
        return dict(record.hosts)
    ended = record.document["hosts"]
    return {name: route for name, route in record.hosts.items() if name not in ended or _may_have_changed(ended[name])}


def _may_have_changed(host: Mapping[str, Any]) -> bool:
    """Whether anything was to be changed there: what was under way when contact was lost is not known to be made."""
    return host["status"] == "ambiguous" or any(step["changes"] for step in host["steps"])


def _bring_back(
    undo: Undo, record: Record, records: Records | None, tell: _Telling, *, dry_run: bool, force: bool, yes: bool
) -> int:
    """Show what would come back, ask, and bring it back where that can be done; the exit code.

    ``records`` are told once nothing of the run is left; None where only part of its hosts was asked for.
    """
    preview = undo.preview()
    if undo.stop.is_set():
        raise KeyboardInterrupt
    asking = not yes and sys.stdin.isatty()
    fine = all(host.ok and host.restored for host in preview)
    if dry_run or asking or force or not fine:
        tell.show(record.run, preview)
    ready = [host for host in preview if host.restored and (host.ok or force)]
    if dry_run or not ready:
        if not dry_run and any(each.state == "refused" for host in preview for each in host.restored):
            click.echo(tell.words.say("undo.refused-all"))
        if records and not dry_run and all(host.ok for host in preview):
            # One that was killed before it changed anything, or is undone host by host, would be the newest for ever.
            records.mark_undone(record.run, {"by": undo.run_id, "who": undo.who})
        return _code(preview, undo)
    if asking and not options.ask(tell.words.say("undo.question")):
        return 0
    done = undo.carry_out(ready, force=force)
    tell.show(record.run, done)
    every = [*done, *(host for host in preview if host not in ready)]
    left = [host.host for host in every if not host.ok]
    if records and not left:
        records.mark_undone(record.run, {"by": undo.run_id, "who": undo.who})
    elif left and len(every) > 1:
        click.echo(tell.words.say("undo.left", hosts=tell.words.hosts(left)))
    return _code(every, undo)


class _Telling:
    """What people are told of an undo: nothing that is secret, nothing that a terminal would obey."""

    def __init__(self, words: Words, secrets: Secrets) -> None:
        self.words = words
        self._secrets = secrets

    def show(self, run: str, hosts: Sequence[HostUndo]) -> None:
        """What became of the hosts; those of which the same is to be said, at once."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for host in hosts:
            alike.setdefault(tuple(self._said(host)), []).append(host.host)
        click.echo(self.words.say("undo.run", run=run))
        for said, names in alike.items():
            who = self.words.hosts(names)
            for line in said:
                click.echo(line if line.startswith(" ") else f"  {who}: {line}")

    def _said(self, host: HostUndo) -> Iterator[str]:
        if host.error is not None:
            yield self._safe(self.words.fault(host.error))
            hint = self.words.hint(host.error).text
            if hint:
                yield f"    {self._safe(hint)}"
        for entry in host.restored:
            why = f" ({entry.problem})" if entry.problem else ""
            yield f"{self.words.say(f'undo.{entry.state}')} {self._safe(entry.path + why)}"
        if not host.restored and host.error is None:
            yield self.words.say("undo.nothing-here")

    def _safe(self, text: str) -> str:
        from autoglm_fix.report.safe import safe

        return safe(self._secrets.hide(text))


def _code(hosts: Sequence[HostUndo], undo: Undo) -> int:
    """As a run ends: interrupted, else a host failed, else one was out of reach, else all is well."""
    if undo.stop.is_set():
        return options.INTERRUPTED
    if all(host.ok for host in hosts):
        return 0
    return options.UNREACHABLE if all(host.ok or host.unreachable for host in hosts) else options.FAILED
