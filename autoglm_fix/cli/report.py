"""``autoglm-fix report RUN``: a finished run's document, for people who were not there."""

from __future__ import annotations

from pathlib import Path

import click

from .options import BAD_INPUT


@click.command("report")
@click.argument("run", required=False)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the screen.")
def command(run: str | None, output: Path | None) -> int:
    """Write what RUN found, changed and proved as Markdown; without RUN, the newest one."""
    from autoglm_fix.records import NoSuchRun, Records, state_dir
    from autoglm_fix.report.markdown import markdown

    records = Records(Path(state_dir()))
    known = records.runs()
    if run is None and not known:
        click.echo("autoglm-fix: no run was made from here yet", err=True)
        return BAD_INPUT
    try:
        record = records.load(run or known[-1])
    except NoSuchRun as err:
        click.echo(f"autoglm-fix: there is no run '{run}'. The newest are: {', '.join(err.known)}", err=True)
        return BAD_INPUT
    if record.document is None:
        click.echo(f"autoglm-fix: run {record.run} did not end, and has no report", err=True)
        return BAD_INPUT
    text = markdown(record.document)
    if output is None:
        click.echo(text)
        return 0
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as err:
        click.echo(f"autoglm-fix: cannot write {output}: {err.strerror}", err=True)
        return BAD_INPUT
    return 0
