"""How the hosts of an order are reached: each host once, as its inventory, its plays and the command line say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from autoglm_fix.authored.problems import BadInput, Problem, enumeration
from autoglm_fix.authored.variables import Layer
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.connect.route import Route
from autoglm_fix.inventory import Host, Inventory
from autoglm_fix.inventory.routes import Asked, Reach, reach, secrets_of
from autoglm_fix.inventory.sealed import plain_passwords, sealed_texts
from autoglm_fix.inventory.unheeded import beyond_us, on_trust, unheeded
from autoglm_fix.playbook import Play
from autoglm_fix.records import state_dir

_ONE = "One process serves a host for the whole run: make two runs, or give both plays the same."


@dataclass(frozen=True)
class Ways:
    """The way to each host, and what is worth saying of them before any is contacted."""

    to: Mapping[str, Reach]
    warnings: Sequence[Problem] = ()


def ways(hosts: Mapping[str, Host], inventory: Inventory, extra: Layer, asked: Mapping[str, Asked]) -> Ways:
    """The way to each host. Raises BadInput with what is wrong with any; one mistake of many hosts is said once."""
    found: dict[str, Reach] = {}
    wrong: dict[Problem, list[str]] = {}
    for name, host in hosts.items():
        try:
            found[name] = reach(host, inventory, extra, asked.get(name, Asked()), state_dir())
        except BadInput as err:
            found[name] = Reach(Route())
            for problem in err.problems:
                wrong.setdefault(problem, []).append(name)
    if wrong:
        raise BadInput(replace(each, message=f"{each.message}{_on(each, names)}") for each, names in wrong.items())
    return Ways(found, [*unheeded(hosts.values(), extra), *on_trust(found), *beyond_us(found)])


def asked_of(asked: Asked, plays: Sequence[tuple[Play, Sequence[Host]]]) -> dict[str, Asked]:
    """What is asked of each host: what its plays say, else the command line. Raises BadInput where plays differ."""
    of_host: dict[str, Play] = {}
    problems: list[Problem] = []
    for play, hosts in plays:
        for host in hosts:
            first = of_host.setdefault(host.name, play)
            if first.becoming.conflicts(play.becoming):
                message = "the play before says something else of who acts on its hosts, and both are for"
                problem = play.becoming.at.problem(f"{message} {host.name}", _ONE)
                if not any((each.file, each.line) == (problem.file, problem.line) for each in problems):
                    problems.append(problem)
    if problems:
        raise BadInput(problems)
    return {name: _with(asked, play) for name, play in of_host.items()}


def hidden(to: Mapping[str, Reach], asked: Asked, layers: Sequence[Layer], keys: Keyring) -> set[str]:
    """What no output may show: passwords, and what encrypted files say. ``keys`` tell of values opened later."""
    known = {*secrets_of(to), *asked.credentials.words, *keys.values}
    return known | sealed_texts(layers, keys.files) | plain_passwords(layers)


def _with(asked: Asked, play: Play) -> Asked:
    said = play.becoming
    return replace(
        asked,
        become=asked.become if said.become is None else said.become,
        become_user=said.user or asked.become_user,
        become_method=said.method or asked.become_method,
    )


def _on(problem: Problem, names: Sequence[str]) -> str:
    """The hosts, where the file does not say it by its line."""
    return f" (on {enumeration(names, 5)})" if not problem.line else ""
