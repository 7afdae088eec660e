"""What a person types: each command one file, loaded when it is called."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys

import click

from autoglm_fix import __version__

# Command name -> its one line in --help. The file of the same name holds the command ``command``.
_COMMANDS = {
    "run": "Diagnose, repair and prove, as a playbook says.",
    "verify": "Only prove that the services of a playbook generate.",
    "undo": "Bring back what a run changed.",
    "history": "List the runs that were made from here.",
    "show": "Print a run as it ended.",
    "report": "Write what a run did as Markdown.",
    "discover": "Find the services on hosts, as an inventory ready to use.",
    "demo": "Break a small real model, repair it, and hear it answer.",
    "docs": "Describe diagnostics, fixes and their findings.",
    "lint": "Check playbooks without contacting any host.",
    "inventory": "Show hosts, groups and variables.",
    "schema": "Print the JSON Schema of playbooks, inventories or results.",
}
_BAD_INPUT = 4
_GARBAGE = 100_000
_HELP = """Find why a served model gives no output, repair it, and prove that it generates.

\b
autoglm-fix run no-output --dry-run    look, and show what would be done
autoglm-fix run no-output              repair, and prove a real generation
autoglm-fix undo                       bring back what the last run changed
"""


class _Commands(click.Group):
    """Commands that are imported when they are called: ``--help`` imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = __import__(f"{__name__}.{cmd_name}", fromlist=["command"])
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS:
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            hint = f" Did you mean '{near[0]}'?" if near else " See 'autoglm-fix --help'."
            raise click.UsageError(f"there is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(__version__, message="autoglm-fix %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The group of all commands."""
    if ctx.invoked_subcommand is None:
        from .look import look_around

        ctx.exit(look_around())


def main() -> None:
    """Run the command line and exit. Wrong usage exits with 4, as all wrong input does."""
    # What a start makes stays, and looking it through for garbage would take a seventh of its time.
    gc.set_threshold(_GARBAGE)
    # Nor is it looked through at the end: the process gives all of it back at once.
    atexit.register(gc.freeze)
    _open_what_is_closed()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is signal.SIG_DFL:  # not so under nohup
            signal.signal(ending, signal.default_int_handler)
    try:
        code = cli.main(prog_name="autoglm-fix", standalone_mode=False)
    except click.UsageError as err:
        command = err.ctx.info_name if err.ctx and err.ctx.parent else ""
        click.echo(f"autoglm-fix: {err.format_message()}", err=True)
        click.echo(f"Try '{' '.join(filter(None, ('autoglm-fix', command, '--help')))}'.", err=True)
        sys.exit(_BAD_INPUT)
    except click.ClickException as err:
        click.echo(f"autoglm-fix: {err.format_message()}", err=True)
        sys.exit(_BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough (``autoglm-fix history | head``).
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _open_what_is_closed() -> None:
    """Started without stdin, stdout or stderr (``>&-``): else the next file opened would take the place of one."""
    for handle, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(handle, "w" if handle else "r", encoding="utf-8", closefd=False))
