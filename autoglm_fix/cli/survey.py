"""One host looked over for services of models, through its agent. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoglm_fix.agent.facts.candidates import USUAL, Candidate, Candidates
from autoglm_fix.agent.facts.landscape import Landscape
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.connect import Agent, ChannelClosed, NotConnected
from autoglm_fix.connect.connections import Connections
from autoglm_fix.discovery import Client, Found, clients, services, suggestion
from autoglm_fix.engine.bound import Patience
from autoglm_fix.engine.gather import Broken, Facts, Want
from autoglm_fix.engine.lost import loss
from autoglm_fix.engine.results import Fault, HostStatus
from autoglm_fix.inventory.routes import Reach
from autoglm_fix.report.secrets import Secrets, asks_for_a_secret, names_a_secret

_PATIENCE = Patience(60.0, 20.0)
# ``Candidates`` looks for models of the same kind as the service's: folders, or single GGUF files. No service is known
# yet, so paths that do not exist stand in for its model.
_A_FOLDER, _A_FILE = "/nowhere", "/nowhere.gguf"


class NotLooked(Exception):
    """The host could not be looked at, in one sentence; ``fault`` says it in any language, where there is one.

    ``unreachable``: it was never spoken to, or contact with it was lost.
    """

    def __init__(self, reason: str, fault: Fault | None = None, *, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.fault = fault
        self.unreachable = unreachable


@dataclass(frozen=True)
class Surveyed:
    """What one host holds: services, clients, models on its disks; ``unseen`` is what could not be looked at."""

    found: Sequence[Found]
    clients: Sequence[Client] = ()
    models: Sequence[Candidate] = ()
    searched: Sequence[str] = ()
    ollama: Sequence[str] = ()
    unseen: Sequence[str] = ()
    now: float = 0.0
    secrets: Secrets = field(default_factory=Secrets, repr=False)


def survey(host: str, to: Reach, search: Sequence[str] = (), connections: Connections | None = None) -> Surveyed:
    """Look at the host. Raises NotLooked."""
    try:
        open_ = (connections or Connections()).open
        agent = Agent(open_(host, to.route, to.credentials), to.route.state_dir)
        try:
            landscape = _fact(agent, Landscape, {"search": list(search)} if search else {}, _A_FOLDER)
            places = {"search": list(dict.fromkeys([*USUAL, *search, *landscape.homes]))}
            folders, files = (_models(agent, places, model) for model in (_A_FOLDER, _A_FILE))
        finally:
            agent.close()
    except NotConnected as err:
        fault = Fault(err.code, err.values, err.tail, err.behind)
        raise NotLooked(str(err), fault, unreachable=not err.refused) from err
    except ChannelClosed as err:
        status, fault = loss(host, err, changing=False)
        raise NotLooked(str(err), fault, unreachable=status is HostStatus.UNREACHABLE) from err
    secrets = Secrets(_secrets(landscape))
    looked = [each for each in (folders, files) if isinstance(each, Candidates)]
    models = [model for each in looked for model in each.found]
    searched = looked[0].searched if looked else []
    unseen = [*landscape.unseen, *(each for each in (folders, files) if isinstance(each, str))]
    found = [_masked(each, secrets) for each in services(landscape)]
    suggested = suggestion(models, searched, landscape.environments) if not found else None
    callers = clients(landscape, found)
    every = found or ([suggested] if suggested else [])
    return Surveyed(every, callers, models, searched, landscape.ollama, unseen, landscape.now, secrets)


def _models(agent: Agent, places: Mapping[str, Any], model: str) -> Candidates | str:
    """The models on the disks, or why they could not be looked for: services are worth telling all the same."""
    try:
        found: Candidates = _fact(agent, Candidates, places, model)
    except NotLooked as err:
        return str(err)
    return found


def _fact(agent: Agent, kind: Any, options: Mapping[str, Any], model: str) -> Any:
    want = Want.of(kind, options, {}, _PATIENCE)
    found = Facts(agent, ServiceSpec(model=model), lambda _what, _event: None).gather([want])[want]
    if isinstance(found, Unknown):
        raise NotLooked(found.reason)
    if isinstance(found, Broken):
        raise NotLooked("\n".join([found.message, *found.tail]))
    return found


def _secrets(landscape: Landscape) -> Iterator[str]:
    """Values that are secrets by their names, in environments and commands."""
    for each in landscape.processes:
        yield from _secret_values(each.running.environment or {}, each.running.argv)
    for managed in landscape.managed:
        if managed.service.defined is not None:
            yield from _secret_values(managed.service.defined.environment or {}, managed.service.defined.argv or [])


def _secret_values(variables: Mapping[str, str], argv: Iterable[str]) -> Iterator[str]:
    yield from (value for name, value in variables.items() if len(value) >= 4 and names_a_secret(name))
    before = ""
    for word in argv:
        if asks_for_a_secret(before):
            yield word
        before = word


def _masked(found: Found, secrets: Secrets) -> Found:
    return replace(
        found, keys={key: value if key == "api_key" else _hidden(value, secrets) for key, value in found.keys.items()}
    )


def _hidden(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, str):
        return secrets.hide(value)
    if isinstance(value, dict):
        return {key: _hidden(each, secrets) for key, each in value.items()}
    return [_hidden(each, secrets) for each in value] if isinstance(value, list) else value
