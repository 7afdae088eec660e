"""``autoglm-fix demo``: the main job on a small real model, without a GPU or a hub."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click

from . import options


@click.command("demo")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to lay it out (about 600 MB).")
@options.lang_option
def command(folder: Path | None, lang: str | None) -> int:
    """Lay out a small real model as a service with three real faults, and repair it.

    Its folder moved, one of its shards was cut off, and a generation setting ends every answer
    before it begins. You see the dry-run, then the repair, then the model's own answer.
    """
    from autoglm_fix.demo.prepare import CannotPrepare, is_whole
    from autoglm_fix.demo.stage import MODEL, set_up

    folder = (folder or _default_folder()).absolute()
    good = folder / "mirror" / MODEL
    if not is_whole(good):
        # A process of its own: torch never enters this one.
        prepared = subprocess.run([sys.executable, "-m", "autoglm_fix.demo.prepare", str(good)])
        if prepared.returncode:
            return options.BAD_INPUT
    try:
        stage = set_up(folder, good, sys.executable)
    except (OSError, CannotPrepare) as err:
        click.echo(f"autoglm-fix: the demo cannot be laid out in {folder}: {err}", err=True)
        return options.BAD_INPUT
    click.secho(f"\n$ cd {shlex.quote(str(stage.folder))}", bold=True)
    arguments = ["run", "no-output", "-i", "inventory.yml", "-e", "@demo.yml", *(("--lang", lang) if lang else ())]
    code = _run([*arguments, "--dry-run"], stage.folder)
    return code or _run([*arguments, "--yes"], stage.folder)


def _run(arguments: list[str], folder: Path) -> int:
    """A run as a person would make it: the command is shown, and can be pasted."""
    click.secho(f"\n$ autoglm-fix {shlex.join(arguments)}", bold=True)
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "autoglm_fix", *arguments], cwd=folder).returncode


def _default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "autoglm-fix" / "demo"
