"""``autoglm-fix show RUN``: a run as it ended."""

from __future__ import annotations

from pathlib import Path

import click

from .options import BAD_INPUT


@click.command("show")
@click.argument("run")
def command(run: str) -> int:
    """Print the document of RUN, as ``--format json`` printed it."""
    from autoglm_fix.records import NoSuchRun, Records, state_dir
    from autoglm_fix.report.safe import json_text

    try:
        record = Records(Path(state_dir())).load(run)
    except NoSuchRun as err:
        known = f" The newest are: {', '.join(err.known)}." if err.known else " No run was made from here yet."
        click.echo(f"autoglm-fix: there is no run '{run}'.{known}", err=True)
        return BAD_INPUT
    if record.document is None:
        click.echo(f"run {run} of {record.playbook} did not end", err=True)
        return BAD_INPUT
    click.echo(json_text(record.document, indent=2))
    return 0
