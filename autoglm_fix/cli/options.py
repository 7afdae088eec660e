"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import getpass
import inspect
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from autoglm_fix.authored.problems import BadInput, Problem

C = TypeVar("C", bound=Callable[..., Any])
D = TypeVar("D")

BAD_INPUT = 4
FAILED = 2
UNREACHABLE = 3
INTERRUPTED = 130


@dataclass(frozen=True)
class Manner:
    """How a run is carried out and reported, as the command line says."""

    dry_run: bool = False
    diff: bool = False
    forks: int = 50
    yes: bool = False
    no_verify: bool = False
    even_if_working: bool = False
    exit_on_pending: bool = False
    reason: str | None = None
    format_: str = "text"
    junit: Path | None = None
    html: Path | None = None
    lang: str | None = None
    verbose: int = 0


def taken(kind: type[D], given: Mapping[str, Any], **more: Any) -> D:
    """A dataclass from those of a command's parameters that it has fields for."""
    names = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in given.items() if name in names}, **more)


def words(text: str | None) -> list[str]:
    """The words of a list with commas."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def language(chosen: str | None) -> str:
    """``--lang``, else the locale's: ``zh`` for a Chinese one, ``en`` for all others."""
    if chosen:
        return chosen
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if locale.lower().startswith("zh") else "en"


lang_option = click.option("--lang", type=click.Choice(["en", "zh"]), help="Language of the sentences.")
forks_option = click.option(
    "-f", "--forks", type=click.IntRange(1), default=50, show_default=True, help="Hosts at a time."
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask before changes are made.")
inventory_option = click.option(
    "-i", "--inventory", "inventories", multiple=True, metavar="SOURCE", help="A file, a folder, or 'host1,host2,'."
)
limit_option = click.option(
    "-l",
    "--limit",
    metavar="PATTERN",
    help="Only these of the hosts: a pattern as Ansible has them, or as reports print them (gpu[01:16,18:64]). "
    "In it '@failed:RUN' is where a run did not end well, '@failed' where the newest did not ('gpu*:&@failed:!gpu07').",
)
extra_vars_option = click.option(
    "-e", "--extra-vars", "extra_vars", multiple=True, metavar="VARS", help="k=v, JSON, or @FILE."
)


def output_options(function: C) -> C:
    """Where a run's report goes."""
    for option in (
        click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A page as well."),
        click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="JUnit as well."),
        click.option(
            "--format", "format_", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True
        ),
    ):
        function = option(function)
    return function


def who() -> str:
    """Who asks, as a host's lock names them."""
    return f"{getpass.getuser()}@{platform.node()}"


def fail_on_bad_input(err: BadInput, *, as_json: bool, secrets: Sequence[str] = ()) -> NoReturn:
    """Say all that is wrong with the input, without the secrets in it, and exit with 4: no host was touched."""
    problems = without(err.problems, secrets) if secrets else err.problems
    if as_json:
        from autoglm_fix.report.json import print_errors

        print_errors(sys.stdout, problems)
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        click.echo("Nothing was touched.", err=True)
    sys.exit(BAD_INPUT)


def warn(problems: Sequence[Problem], secrets: Sequence[str] = ()) -> None:
    """Say what is worth knowing of the input, and is no mistake."""
    for problem in without(problems, secrets) if problems else ():
        click.echo(f"warning: {problem}", err=True)


def without(problems: Iterable[Problem], secrets: Iterable[str]) -> list[Problem]:
    """The problems with their secrets hidden."""
    from autoglm_fix.report.secrets import Secrets

    hide = Secrets(secrets).hide_known
    return [replace(problem, message=hide(problem.message), hint=hide(problem.hint)) for problem in problems]


def ask(question: str) -> bool:
    """One question on the terminal. Ctrl-C, or the end of the input, interrupts the command."""
    try:
        return click.confirm(question, default=False, err=True)
    except click.Abort as err:
        raise KeyboardInterrupt from err
