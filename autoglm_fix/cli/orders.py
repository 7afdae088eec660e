"""From the command line to an order: everything is read and checked, and all mistakes are said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import TypeVar

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.authored.problems import BadInput, Position, Problem, raise_if_any
from autoglm_fix.authored.variables import Layer, Variables
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.connect.connections import Connections
from autoglm_fix.connect.route import Route
from autoglm_fix.engine.breaker import Limits
from autoglm_fix.engine.playscript import Common, PlayScript
from autoglm_fix.engine.target import Target, spread
from autoglm_fix.inventory import Host, Inventory, load_inventory, services
from autoglm_fix.inventory.jump_logins import InventoryLogins
from autoglm_fix.inventory.routes import Asked, Reach
from autoglm_fix.inventory.secret import SecretUnreadable, read_secret
from autoglm_fix.inventory.unheeded import out_of_place
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

from . import options
from .failed import within
from .ways import Ways, asked_of, hidden, ways

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """What the command line asked for, as it was typed. ``host_words`` say how hosts are reached."""

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
    asked: Asked = field(default_factory=Asked)
    keys: Keyring = field(default_factory=Keyring)
    accept_new: bool = False
    host_words: Sequence[str] = ()


@dataclass(frozen=True)
class Prepared:
    """A checked order: its playbook, its hosts, and the routes to them. ``stop`` ends all waiting, once set.

    ``names`` are all groups and hosts of the inventory.
    """

    playbook: Playbook
    targets: Sequence[Target]
    limits: Sequence[Limits]
    routes: Mapping[str, Reach]
    connections: Connections
    packages: Packages
    stop: Flag
    warnings: Sequence[Problem] = ()
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    names: frozenset[str] = frozenset()

    def first(self, forks: int) -> list[tuple[str, Route]]:
        """The hosts that are contacted first, and the routes to them: as many as are worked on side by side."""
        taking_part = [target for target in self.targets if target.plays and target.plays[0]]
        return [(target.name, self.routes[target.name].route) for target in spread(taking_part, forks)[:forks]]

    @property
    def secrets(self) -> list[str]:
        """What no output may show."""
        scripts = [script for target in self.targets for of_play in target.plays for script in of_play]
        return sorted({*self.hidden, *(script.key for script in scripts if script.key)})


@dataclass(frozen=True)
class _Selected:
    """What an order is about: each play with its hosts, and the services that those hosts declare, by host."""

    plays: Sequence[tuple[Play, Sequence[Host]]]
    hosts: Mapping[str, Host]
    declared: Mapping[str, Sequence[ServiceSpec]]
    inventory: Inventory


def prepare(choice: Choice) -> Prepared:
    """Read and check everything that was asked for. Raises BadInput, without secrets; no host is contacted."""
    said: list[Layer] = []
    try:
        return _prepared(choice, said)
    except BadInput as err:
        raise BadInput(options.without(err.problems, hidden({}, choice.asked, said, choice.keys))) from None


def _prepared(choice: Choice, said: list[Layer]) -> Prepared:
    """What ``prepare`` does; ``said`` is filled with all variables, secrets among them."""
    problems: list[Problem] = []
    extra = _attempt(lambda: parse_extra_vars(choice.extra_vars, choice.keys), problems) or ExtraVars()
    said.append(extra.values)
    playbook, inventory = _read(choice, extra, problems)
    said += [play.vars for play in playbook.plays]
    limits = [bind_play(play, play_variables(play, {}, {})) for play in playbook.plays]
    patterns = [(limit.hosts, play.hosts.at) for limit, play in zip(limits, playbook.plays, strict=True)]
    of_plays = inventory.select_each(patterns, within(choice.limit))
    hosts = {host.name: host for each in of_plays for host in each}
    # Of the others, too: jump hosts may be among them.
    said += [host.variables for host in {**inventory.hosts, **hosts}.values()]
    plays = list(zip(playbook.plays, of_plays, strict=True))
    selected = _Selected(plays, hosts, _declared(hosts, extra, choice.service), inventory)
    asked = _attempt(lambda: asked_of(choice.asked, plays), problems) or {}
    way = _attempt(lambda: ways(hosts, inventory, extra.values, asked), problems) or Ways({})
    stop = Flag()
    packages = Packages(Path(state_dir()) / "cache")
    scripts = _scripts(selected, {Resolver: packages}, stop, problems)
    raise_if_any(problems)
    logins = InventoryLogins(inventory, extra.values)
    connections = Connections(accept_new=choice.accept_new, stop=stop, jump_logins=logins)
    targets = [
        Target(name, partial(connections.open, name, to.route, to.credentials), to.route.state_dir, scripts[name])
        for name, to in way.to.items()
    ]
    each_limits = [_limits(play, limit) for play, limit in zip(playbook.plays, limits, strict=True)]
    secrets = frozenset(hidden(way.to, choice.asked, said, choice.keys))
    warnings = [*way.warnings, *out_of_place(play.vars for play in playbook.plays)]
    names = frozenset((*inventory.groups, *inventory.hosts))
    return Prepared(playbook, targets, each_limits, way.to, connections, packages, stop, warnings, secrets, names)


def _read(choice: Choice, extra: ExtraVars, problems: list[Problem]) -> tuple[Playbook, Inventory]:
    """The playbook, with what was chosen of it, and the inventory. Raises BadInput with all mistakes of both."""
    file = _attempt(lambda: find_playbook(choice.playbook), problems)
    folder = None if file is None else file.parent
    inventory = _attempt(lambda: load_inventory(choice.inventories, choice.keys, playbook_folder=folder), problems)
    outside = None if inventory is None else inventory.names
    playbook = None
    if file is not None:
        playbook = _attempt(lambda: load_playbook(file, extra=extra, outside=outside, keys=choice.keys), problems)
    if playbook is None or inventory is None:
        raise BadInput(problems)
    raise_if_any(problems)
    return _chosen(playbook, choice), inventory


def _scripts(
    selected: _Selected, collaborators: Mapping[type, object], stop: Flag, problems: list[Problem]
) -> dict[str, list[list[PlayScript]]]:
    """For each host and play the scripts of its services: none for a play that is not for the host."""
    scripts: dict[str, list[list[PlayScript]]] = {name: [] for name in selected.hosts}
    inventory = selected.inventory
    for play, hosts in selected.plays:
        taking_part = {host.name for host in hosts}
        common = Common(play, stop)
        for name, host in selected.hosts.items():
            own = selected.declared[name] if name in taking_part else ()
            scripts[name].append([_script(common, host, each, inventory, collaborators, problems) for each in own])
        problems += check_hosts(play, _trial_variables(play, hosts, selected.declared, inventory))
    return scripts


def _attempt(read: Callable[[], T], problems: list[Problem]) -> T | None:
    """What was read; None after adding what is wrong with it to the problems."""
    try:
        return read()
    except BadInput as err:
        problems += err.problems
        return None


def _limits(play: Play, bound: PlayLimits) -> Limits:
    return Limits(
        serial=bound.serial,
        max_fail_percentage=bound.max_fail_percentage,
        any_errors_fatal=play.any_errors_fatal,
        fatal_steps=frozenset(step.name for step in play.steps if step.any_errors_fatal),
        on_failure=play.on_failure,
        max_unavailable=1 if bound.max_unavailable is None else bound.max_unavailable,
        max_loading=4 if bound.max_loading is None else bound.max_loading,
    )


def _chosen(playbook: Playbook, choice: Choice) -> Playbook:
    """The playbook with the steps that were asked for, and the changes that were allowed."""
    if not choice.steps:
        return replace(playbook, plays=tuple(replace(play, steps=()) for play in playbook.plays))
    selection = Selection(split_tags(choice.tags), split_tags(choice.skip_tags), choice.start_at)
    allowed = frozenset(choice.allow)
    plays = select_steps(playbook, selection).plays
    return replace(playbook, plays=tuple(replace(play, steps=_allowing(play.steps, allowed)) for play in plays))


def _allowing(steps: Sequence[Step], kinds: frozenset[str]) -> tuple[Step, ...]:
    return tuple(replace(step, allow=step.allow | kinds) for step in steps)


def _declared(hosts: Mapping[str, Host], extra: ExtraVars, only: str | None) -> dict[str, list[ServiceSpec]]:
    """The services of each host, or the ``only`` one of that name. Raises BadInput where no host has any."""
    problems: list[Problem] = []
    declared = {name: _services(host, extra, only, problems) for name, host in hosts.items()}
    raise_if_any(problems)
    _check_service(only, declared)
    return declared


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


def _script(
    common: Common,
    host: Host,
    service: ServiceSpec,
    inventory: Inventory,
    collaborators: Mapping[type, object],
    problems: list[Problem],
) -> PlayScript:
    variables = _variables(common.play, host, service, inventory)
    return PlayScript(common, service, variables, _key(host, service, problems), collaborators, host.name)


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
