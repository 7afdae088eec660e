"""From the command line to an order: everything is read and checked, and all mistakes are said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect.transport import NoTransport, Route
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.playscript import PlayScript
from autoglm_fix.inventory import Host, Inventory, load_inventory, services
from autoglm_fix.playbook import (
    ExtraVars,
    Play,
    Playbook,
    PlayLimits,
    Step,
    bind_play,
    check_hosts,
    find_playbook,
    load_playbook,
    parse_extra_vars,
    play_variables,
)
from autoglm_fix.problems import BadInput, Position, Problem, did_you_mean, raise_if_any
from autoglm_fix.records import state_dir
from autoglm_fix.variables import Variables

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """What the command line asked for, as it was typed."""

    playbook: str
    inventories: Sequence[str] = ()
    limit: str | None = None
    extra_vars: Sequence[str] = ()
    service: str | None = None
    tags: Sequence[str] = ()
    skip_tags: Sequence[str] = ()
    start_at: str | None = None
    allow: Sequence[str] = ()
    steps: bool = True


@dataclass(frozen=True)
class Prepared:
    """A checked order: its playbook, its hosts, and the routes to them."""

    playbook: Playbook
    targets: Sequence[Target]
    limits: Sequence[Limits]
    routes: Mapping[str, Route]


def prepare(choice: Choice) -> Prepared:
    """Read and check everything that was asked for. Raises BadInput; no host is contacted."""
    problems: list[Problem] = []
    extra = _attempt(lambda: parse_extra_vars(choice.extra_vars), problems) or ExtraVars()
    inventory = _attempt(lambda: load_inventory(choice.inventories), problems)
    outside = None if inventory is None else inventory.names
    playbook = _attempt(lambda: load_playbook(find_playbook(choice.playbook), extra=extra, outside=outside), problems)
    if playbook is None or inventory is None:
        raise BadInput(problems)
    raise_if_any(problems)
    chosen = _chosen_steps(playbook, choice)
    limits = [bind_play(play, play_variables(play, {}, {})) for play in playbook.plays]
    patterns = [(limit.hosts, play.hosts.at) for limit, play in zip(limits, playbook.plays, strict=True)]
    selected = inventory.select_each(patterns, choice.limit)
    hosts = {host.name: host for each in selected for host in each}
    declared = {name: _services(host, extra, choice.service, problems) for name, host in hosts.items()}
    raise_if_any(problems)
    _check_service(choice.service, declared)
    routes = {name: _route(host, inventory, extra, problems) for name, host in hosts.items()}
    scripts: dict[str, list[list[PlayScript]]] = {name: [] for name in hosts}
    for play, steps, of_play in zip(playbook.plays, chosen, selected, strict=True):
        taking_part = {host.name for host in of_play}
        for name, host in hosts.items():
            own = declared[name] if name in taking_part else []
            scripts[name].append([_script(play, steps, host, service, inventory) for service in own])
        problems += check_hosts(play, _trial_variables(play, of_play, declared, inventory))
    raise_if_any(problems)
    local_state = state_dir()
    targets = [Target(name, routes[name].open, routes[name].state_dir or local_state, scripts[name]) for name in hosts]
    return Prepared(
        playbook, targets, [_limits(play, limit) for play, limit in zip(playbook.plays, limits, strict=True)], routes
    )


def _attempt(read: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return read()
    except BadInput as err:
        problems += err.problems
        return None


def _limits(play: Play, bound: PlayLimits) -> Limits:
    most = bound.max_fail_percentage
    fatal = play.any_errors_fatal or any(step.any_errors_fatal for step in play.steps)
    return Limits(bound.serial, 100.0 if most is None else most, fatal, play.on_failure)


def _chosen_steps(playbook: Playbook, choice: Choice) -> list[tuple[Step, ...]]:
    """The steps of each play that tags and ``--start-at`` leave. A word that selects nothing is a mistake."""
    if not choice.steps:
        return [() for _ in playbook.plays]
    known = {tag for play in playbook.plays for step in play.steps for tag in step.tags}
    raise_if_any(
        Position(option).problem(f"no step has the tag '{tag}'", did_you_mean(tag, known, nouns="tags"))
        for option, tags in (("--tags", choice.tags), ("--skip-tags", choice.skip_tags))
        for tag in tags
        if tag not in known
    )
    allowed = frozenset(choice.allow)
    kept = [
        tuple(replace(step, allow=step.allow | allowed) for step in play.steps if _tagged(step, choice))
        for play in playbook.plays
    ]
    if choice.tags and not any(kept):
        raise BadInput([Position("--tags").problem("the tags leave no step")])
    return kept if choice.start_at is None else _from(choice.start_at, kept)


def _tagged(step: Step, choice: Choice) -> bool:
    wanted = not choice.tags or bool(set(choice.tags) & set(step.tags))
    return wanted and not set(choice.skip_tags) & set(step.tags)


def _from(name: str, kept: list[tuple[Step, ...]]) -> list[tuple[Step, ...]]:
    names = [step.name for steps in kept for step in steps]
    if name not in names:
        raise BadInput([Position("--start-at").problem(f"no step is named '{name}'", did_you_mean(name, names))])
    left: list[tuple[Step, ...]] = []
    found = False
    for steps in kept:
        at = next((number for number, step in enumerate(steps) if step.name == name), len(steps))
        left.append(steps if found else steps[at:])
        found = found or at < len(steps)
    return left


def _services(host: Host, extra: ExtraVars, only: str | None, problems: list[Problem]) -> list[ServiceSpec]:
    declared = _attempt(lambda: services(host, extra.values), problems) or ()
    return [service for service in declared if only is None or service.name == only]


def _check_service(only: str | None, declared: Mapping[str, Sequence[ServiceSpec]]) -> None:
    if any(declared.values()):
        return
    if only is not None:
        raise BadInput([Position("--service").problem(f"no selected host has a service named '{only}'")])
    hint = "Write one as in inventory.example.yml (python and model are enough), and name the file with -i."
    raise BadInput([Position("-i").problem(f"no service is declared for {', '.join(sorted(declared))}", hint)])


def _route(host: Host, inventory: Inventory, extra: ExtraVars, problems: list[Problem]) -> Route:
    variables = Variables([host.variables], over=[extra.values, inventory.special_variables(host)])
    names = [name for name in variables if name.startswith(("ansible_", "autoglm_fix_"))]
    values = _attempt(lambda: {name: variables.value(name) for name in names}, problems) or {}
    try:
        return Route.of(values, state_dir() if values.get("ansible_connection") == "local" else "")
    except NoTransport as err:
        hint = "Set 'ansible_connection: local' for this machine."
        problems.append(Position("-i").problem(f"{host.name}: {err}", hint))
        return Route()


def _script(play: Play, steps: tuple[Step, ...], host: Host, service: ServiceSpec, inventory: Inventory) -> PlayScript:
    return PlayScript(play, service, _variables(play, host, service, inventory), steps)


def _variables(play: Play, host: Host, service: ServiceSpec, inventory: Inventory) -> Variables:
    special = {**inventory.special_variables(host), "service": asdict(service)}
    return play_variables(play, host.variables, special)


def _trial_variables(
    play: Play, hosts: Sequence[Host], declared: Mapping[str, Sequence[ServiceSpec]], inventory: Inventory
) -> dict[str, Variables]:
    return {
        host.name: _variables(play, host, service, inventory) for host in hosts for service in declared[host.name][:1]
    }
