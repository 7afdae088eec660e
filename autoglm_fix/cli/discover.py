"""``autoglm-fix discover``: which services of models there are, down or up, as an inventory ready to use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options

if TYPE_CHECKING:
    from autoglm_fix.connect.transport import Route

    from .survey import Surveyed
    from .telling import Sentences


@click.command("discover")
@options.inventory_option
@options.limit_option
@click.option("--search", multiple=True, metavar="FOLDER", help="Look for projects and models here first (repeatable).")
@click.option("--format", "format_", type=click.Choice(["text", "yaml", "json"]), default="text", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A new inventory."
)
@options.lang_option
def command(
    inventories: tuple[str, ...],
    limit: str | None,
    search: tuple[str, ...],
    format_: str,
    output: Path | None,
    lang: str | None,
) -> int:
    """Find the services that serve models, and print an inventory of them.

    It looks at processes, units, containers, compose files and model caches of the hosts of -i (none: this
    machine), and changes nothing. FILE is never overwritten.
    """
    from autoglm_fix.authored.problems import BadInput

    from .telling import Sentences

    if output is not None and output.exists():
        raise click.UsageError(f"-o: {output} is there already, and is not overwritten.")
    try:
        routes = _routes(inventories, limit)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=format_ == "json")
    says = Sentences(options.language(lang))
    seen, failed = _surveyed(routes, search)
    for host, reason in failed.items():
        click.echo(f"autoglm-fix: {says.text('not-looked', host=host, reason=reason)}", err=True)
    _print(seen, routes, format_, output, says)
    return options.FAILED if failed else 0


def _routes(inventories: tuple[str, ...], limit: str | None) -> Mapping[str, tuple[Route, Mapping[str, object]]]:
    """How each host is reached, with the variables that say so. Raises BadInput."""
    from autoglm_fix.authored.problems import BadInput, Position
    from autoglm_fix.authored.variables import Variables
    from autoglm_fix.connect.transport import NoTransport, Route
    from autoglm_fix.inventory import load_inventory

    inventory = load_inventory(inventories)
    found: dict[str, tuple[Route, Mapping[str, object]]] = {}
    for host in inventory.select("all", limit):
        variables = Variables([host.variables], over=[inventory.special_variables(host)])
        names = [name for name in variables if name.startswith(("ansible_", "autoglm_fix_"))]
        values = {name: variables.value(name) for name in names}
        try:
            route = Route.of(values, "")
        except NoTransport as err:
            raise BadInput([Position("-i").problem(f"{host.name}: {err}", "Set 'ansible_connection: local'.")]) from err
        kept = {name: value for name, value in values.items() if name in host.variables and not _is_secret(name)}
        found[host.name] = (route, kept)
    return found


def _is_secret(name: str) -> bool:
    from autoglm_fix.report.secrets import names_a_secret

    return names_a_secret(name) or "pass" in name


def _surveyed(
    routes: Mapping[str, tuple[Route, Mapping[str, object]]], search: tuple[str, ...]
) -> tuple[dict[str, Surveyed], dict[str, str]]:
    """What each host holds, and why others could not be looked at."""
    from concurrent.futures import ThreadPoolExecutor

    from .survey import NotLooked, survey

    seen: dict[str, Surveyed] = {}
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(min(50, len(routes) or 1)) as pool:
        asked = {host: pool.submit(survey, route, search) for host, (route, _) in routes.items()}
        for host, answer in asked.items():
            try:
                seen[host] = answer.result()
            except NotLooked as err:
                failed[host] = str(err)
    return seen, failed


def _print(
    seen: Mapping[str, Surveyed],
    routes: Mapping[str, tuple[Route, Mapping[str, object]]],
    format_: str,
    output: Path | None,
    says: Sentences,
) -> None:
    from autoglm_fix.report.safe import json_text

    from .telling import document, told, written

    variables = {host: kept for host, (_route, kept) in routes.items()}
    if output is not None and any(each.found for each in seen.values()):
        _write(output, written(seen, variables, says))
    if format_ == "json":
        click.echo(json_text(document(seen, says), indent=2))
    elif format_ == "yaml":
        if output is None:
            click.echo(written(seen, variables, says), nl=False)
    else:
        told(seen, says)
        if any(each.found for each in seen.values()):
            if output is None:
                click.echo()
                click.echo(written(seen, variables, says), nl=False)
            name = str(output) if output is not None else "inventory.yml"
            click.echo(f"\n{says.text('next' if output is not None else 'save-and-next', file=name)}")
            click.echo(f"  autoglm-fix run no-output -i {name} --dry-run")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as err:
        raise click.UsageError(f"-o: cannot write {path}: {err.strerror}") from err
