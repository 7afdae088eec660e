"""``autoglm-fix history``: the runs that were made from here."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("history")
@click.option("-n", "--last", "last", default=20, show_default=True, help="How many, the newest last.")
def command(last: int) -> int:
    """List the runs that were made from here, the newest last."""
    from autoglm_fix.records import Records, state_dir

    records = Records(Path(state_dir()))
    for run in records.runs()[-last:]:
        record = records.load(run)
        document = record.document
        counts = document["counts"] if document else {"did not end": len(record.hosts)}
        said = ", ".join(f"{count} {status}" for status, count in counts.items())
        what = "undone " if records.is_undone(run) else "changed" if record.changed else "looked "
        click.echo(f"{run}  {what}  {said:<24}  {record.playbook}{_because(record.reason)}")
    return 0


def _because(reason: str | None) -> str:
    from autoglm_fix.report.safe import safe

    return f"  ({safe(reason)})" if reason else ""
