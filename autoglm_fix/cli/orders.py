"""From the command line to an order: everything is read and checked, and all mistakes are said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.authored.problems import BadInput, Position, Problem, raise_if_any
from autoglm_fix.authored.variables import Variables
from autoglm_fix.connect.transport import NoTransport, Route
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.playscript import PlayScript
from autoglm_fix.inventory import Host, Inventory, load_inventory, services
from autoglm_fix.inventory.secret import SecretUnreadable, read_secret
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
from autoglm_fix.playbook.selection import Selection, select_steps, split_tags
from autoglm_fix.records import state_dir
from autoglm_fix.resolve import Resolver
from autoglm_fix.resolve.packages import Packages

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
    packages: Packages

    @property
    def secrets(self) -> list[str]:
        """What no output may show."""
        scripts = [script for target in self.targets for of_play in target.plays for script in of_play]
        return sorted({script.key for script in scripts if script.key})


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
    playbook = _selected(playbook, choice)
    limits = [bind_play(play, play_variables(play, {}, {})) for play in playbook.plays]
    patterns = [(limit.hosts, play.hosts.at) for limit, play in zip(limits, playbook.plays, strict=True)]
    selected = inventory.select_each(patterns, choice.limit)
    hosts = {host.name: host for each in selected for host in each}
    declared = {name: _services(host, extra, choice.service, problems) for name, host in hosts.items()}
    raise_if_any(problems)
    _check_service(choice.service, declared)
    routes = {name: _route(host, inventory, extra, problems) for name, host in hosts.items()}
    scripts: dict[str, list[list[PlayScript]]] = {name: [] for name in hosts}
    packages = Packages(Path(state_dir()) / "cache")
    given: Mapping[type, object] = {Resolver: packages}
    for play, of_play in zip(playbook.plays, selected, strict=True):
        taking_part = {host.name for host in of_play}
        for name, host in hosts.items():
            own = declared[name] if name in taking_part else []
            scripts[name].append([_script(play, host, service, inventory, given, problems) for service in own])
        problems += check_hosts(play, _trial_variables(play, of_play, declared, inventory))
    raise_if_any(problems)
    local_state = state_dir()
    targets = [Target(name, routes[name].open, routes[name].state_dir or local_state, scripts[name]) for name in hosts]
    each_limits = [_limits(play, limit) for play, limit in zip(playbook.plays, limits, strict=True)]
    return Prepared(playbook, targets, each_limits, routes, packages)


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


def _selected(playbook: Playbook, choice: Choice) -> Playbook:
    """The playbook with the steps that were asked for, and the changes that were allowed."""
    if not choice.steps:
        return replace(playbook, plays=tuple(replace(play, steps=()) for play in playbook.plays))
    selection = Selection(split_tags(choice.tags), split_tags(choice.skip_tags), choice.start_at)
    allowed = frozenset(choice.allow)
    plays = select_steps(playbook, selection).plays
    return replace(playbook, plays=tuple(replace(play, steps=_allowing(play.steps, allowed)) for play in plays))


def _allowing(steps: Sequence[Step], kinds: frozenset[str]) -> tuple[Step, ...]:
    return tuple(replace(step, allow=step.allow | kinds) for step in steps)


def _services(host: Host, extra: ExtraVars, only: str | None, problems: list[Problem]) -> list[ServiceSpec]:
    declared = _attempt(lambda: services(host, extra.values), problems) or ()
    return [service for service in declared if only is None or service.name == only]


def _check_service(only: str | None, declared: Mapping[str, Sequence[ServiceSpec]]) -> None:
    if any(declared.values()):
        return
    if only is not None:
        raise BadInput([Position("--service").problem(f"no selected host has a service named '{only}'")])
    hint = "Declare one in a file and name it with -i: 'autoglm-fix' alone prints one to start with."
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


def _script(
    play: Play,
    host: Host,
    service: ServiceSpec,
    inventory: Inventory,
    collaborators: Mapping[type, object],
    problems: list[Problem],
) -> PlayScript:
    variables = _variables(play, host, service, inventory)
    return PlayScript(play, service, variables, _key(host, service, problems), collaborators)


def _key(host: Host, service: ServiceSpec, problems: list[Problem]) -> str | None:
    """The secret of a service's endpoint, read before any host is contacted."""
    try:
        return read_secret(service.api_key)
    except SecretUnreadable as err:
        problem = Position("-i").problem(f"{host.name}: the api_key of the service '{service.name}': {err}")
        if problem not in problems:
            problems.append(problem)
        return None


def _variables(play: Play, host: Host, service: ServiceSpec, inventory: Inventory) -> Variables:
    special = {**inventory.special_variables(host), "service": asdict(service)}
    return play_variables(play, host.variables, special)


def _trial_variables(
    play: Play, hosts: Sequence[Host], declared: Mapping[str, Sequence[ServiceSpec]], inventory: Inventory
) -> dict[str, Variables]:
    return {
        host.name: _variables(play, host, service, inventory) for host in hosts for service in declared[host.name][:1]
    }
