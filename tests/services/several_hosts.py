"""Plays over several inventory names of one lab host, each with a service, a state directory and a model of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine.bound import BoundFix
from autoglm_fix.engine.events import Event
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.results import RunResult
from autoglm_fix.engine.run import Order, new_run_id, run
from autoglm_fix.engine.script import Ask
from tests.engine.overheard import Overheard
from tests.engine.pair import MEND
from tests.engine.plays import Play, Step, describe
from tests.hosts import Host

from .lab import PYTHON, Served

STATE = "/var/tmp/of"
PROOF = Ask("Who are you?", 16, require_gpu=False, timeout_s=60.0, start_timeout_s=60.0)
# A cure that takes effect at the next start of a service, which answers meanwhile.
WITH_A_START = Step("text", fixes=[BoundFix(MEND, {"risk": "restart"})])


@dataclasses.dataclass
class Heard:
    """The events of a run, and what is done at some of them."""

    events: list[Event] = dataclasses.field(default_factory=list)
    then: Callable[[Event], None] = lambda _event: None

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.then(event)


def model(host: Host, name: str, text: str = "bad") -> str:
    """A folder with the good files of a model, and a text that a step may mend."""
    folder = f"/srv/models/{name}"
    host.run("cp", "-a", "/srv/good/name", folder)
    host.write(f"{folder}/model.txt", text)
    return folder


def target(
    host: Host, name: str, *services: Served | Mapping[str, Any], steps: Sequence[Step], proved: bool = True
) -> Target:
    specs = [ServiceSpec(**(each.spec if isinstance(each, Served) else each)) for each in services]
    plays = [Play(spec, steps, asks=[PROOF] if proved else []) for spec in specs]
    command = tuple(host.command(*argv(PYTHON)))
    return Target(name, lambda: LocalChannel(command), f"{STATE}/{name}", [plays])


def replace_channel(of: Target, channels: list[Overheard]) -> Target:
    """The same target, with its channels overheard."""

    def connect() -> Overheard:
        channels.append(Overheard(of.connect()))
        return channels[-1]

    return dataclasses.replace(of, connect=connect)


def carry_out(
    *targets: Target,
    limits: Limits | None = None,
    listen: Callable[[Event], None] = lambda _event: None,
    even_if_working: bool = True,
    **more: Any,
) -> RunResult:
    order = Order("t.yml", targets, [limits or Limits()], "tests", even_if_working=even_if_working, **more)
    return run(order, new_run_id(), listen, lambda _plans: True, describe)


def declined(result: RunResult, host: str) -> list[str]:
    return [each.code for step in result.hosts[host].steps for each in step.declined]


def made(result: RunResult, host: str) -> list[str]:
    return [change.kind for step in result.hosts[host].steps for change in step.changes if change.made]
