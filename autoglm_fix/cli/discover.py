"""``autoglm-fix discover``: which services of models there are, down or up, as an inventory ready to use."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options, reaching

if TYPE_CHECKING:
    from autoglm_fix.authored.vault import Keyring
    from autoglm_fix.connect.connections import Connections
    from autoglm_fix.connect.route import Credentials, JumpLogins
    from autoglm_fix.inventory.routes import Asked, Reach

    from .survey import NotLooked, Surveyed
    from .telling import Sentences

    Routes = Mapping[str, tuple[Reach, Mapping[str, object]]]


@click.command("discover")
@options.inventory_option
@options.limit_option
@options.forks_option
@reaching.host_options
@reaching.vault_options
@click.option("--search", multiple=True, metavar="FOLDER", help="Look for projects and models here first (repeatable).")
@click.option("--format", "format_", type=click.Choice(["text", "yaml", "json"]), default="text", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="A new inventory."
)
@options.lang_option
def command(
    inventories: tuple[str, ...],
    limit: str | None,
    forks: int,
    search: tuple[str, ...],
    format_: str,
    output: Path | None,
    lang: str | None,
    **given: Any,
) -> int:
    """Find the services that serve models, and print an inventory of them.

    It looks at processes, units, containers, compose files and model caches of the hosts of -i (none: this
    machine), and changes nothing. FILE is never overwritten.
    """
    from autoglm_fix.authored.problems import BadInput
    from autoglm_fix.connect.connections import Connections
    from autoglm_fix.inventory.routes import secrets_of
    from autoglm_fix.report.secrets import Secrets

    from .telling import Sentences

    if output is not None and output.exists():
        raise click.UsageError(f"-o: {output} is there already, and is not overwritten.")
    known = reaching.taken(given, as_json=format_ == "json")
    keys: Keyring = known["keys"]
    try:
        routes, jump_logins = _routes(inventories, limit, known["asked"], keys)
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=format_ == "json", secrets=keys.values)
    says = Sentences(options.language(lang))
    connecting = partial(Connections, accept_new=known["accept_new"], jump_logins=jump_logins)
    seen, failed = _surveyed(routes, search, forks, connecting)
    secrets = Secrets([*keys.values, *secrets_of({host: to for host, (to, _) in routes.items()})])
    for said in says.not_looked(failed, secrets):
        click.echo(f"autoglm-fix: {said}", err=True)
    given_to = [to.credentials for to, _ in routes.values()]
    words = words_of_next(inventories, known["host_words"], given_to, typed=known["asked"].credentials)
    _print(seen, routes, format_, output, says, words)
    if not failed:
        return 0
    return options.UNREACHABLE if all(why.unreachable for why in failed.values()) else options.FAILED


def words_of_next(
    inventories: Sequence[str], host_words: Sequence[str], given_to: Iterable[Credentials], *, typed: Credentials
) -> list[str]:
    """The options that the next command needs beside what was found, which holds no secret.

    The passwords that an inventory gave are found where they were.
    """
    from_inventories = any(set(each.words) - set(typed.words) for each in given_to)
    own = [word for name in inventories for word in ("-i", name)] if from_inventories else []
    return [*own, *host_words]


def _routes(inventories: tuple[str, ...], limit: str | None, asked: Asked, keys: Keyring) -> tuple[Routes, JumpLogins]:
    """How each host is reached, with the variables that say so, and what jump hosts are told. Raises BadInput."""
    from autoglm_fix.authored.variables import Variables
    from autoglm_fix.inventory import load_inventory
    from autoglm_fix.inventory.jump_logins import InventoryLogins

    from .failed import within
    from .ways import ways

    inventory = load_inventory(inventories, keys)
    hosts = {host.name: host for host in inventory.select("all", within(limit))}
    way = ways(hosts, inventory, {}, dict.fromkeys(hosts, asked))
    options.warn(way.warnings, keys.values)
    found: dict[str, tuple[Reach, Mapping[str, object]]] = {}
    for host in hosts.values():
        variables = Variables([host.variables], over=[inventory.special_variables(host)])
        kept = {name: variables.value(name) for name in host.variables if _is_kept(name, host.variables[name])}
        found[host.name] = (way.to[host.name], kept)
    return found, InventoryLogins(inventory, {})


def _is_kept(name: str, written: object) -> bool:
    """Whether a variable says how a host is reached, and is no secret."""
    from autoglm_fix.authored.yaml_source import YamlVault
    from autoglm_fix.inventory.route_names import heeded

    says_how = name in heeded() or name.startswith("autoglm_fix_")
    return says_how and not isinstance(written, YamlVault) and not _is_secret(name)


def _is_secret(name: str) -> bool:
    from autoglm_fix.report.secrets import names_a_secret

    return names_a_secret(name) or "pass" in name


def _surveyed(
    routes: Routes, search: tuple[str, ...], forks: int, connecting: Callable[..., Connections]
) -> tuple[dict[str, Surveyed], dict[str, NotLooked]]:
    """What each host holds, and why others could not be looked at. After a Ctrl-C no host is waited for."""
    from autoglm_fix.engine.crew import Crew, Interrupts

    stop = threading.Event()
    interrupts = Interrupts(stop)
    with connecting(stop=stop) as connections, interrupts:
        hosts = [_Looked(host, to, search, connections) for host, (to, _) in routes.items()]
        Crew(forks, interrupts).each(hosts, _Looked.work)
    if stop.is_set():
        raise KeyboardInterrupt
    seen = {each.host: each.seen for each in hosts if each.seen is not None}
    return seen, {each.host: each.why for each in hosts if each.why is not None}


@dataclass(eq=False)
class _Looked:
    """One host: what it holds, or why it could not be looked at."""

    host: str
    to: Reach
    search: tuple[str, ...]
    connections: Connections
    seen: Surveyed | None = None
    why: NotLooked | None = None
    may_be_left: bool = True

    def work(self) -> None:
        from .survey import NotLooked, survey

        try:
            self.seen = survey(self.host, self.to, self.search, self.connections)
        except NotLooked as err:
            self.why = err


def _print(
    seen: Mapping[str, Surveyed],
    routes: Routes,
    format_: str,
    output: Path | None,
    says: Sentences,
    words: Sequence[str],
) -> None:
    """What was found, and the next command: ``words`` are the options by which these hosts were reached."""
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
            click.echo(f"  {shlex.join(['autoglm-fix', 'run', 'no-output', '-i', name, *words, '--dry-run'])}")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as err:
        raise click.UsageError(f"-o: cannot write {path}: {err.strerror}") from err
