"""The facts of one service, asked of its host once, many in one exchange."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from autoglm_fix.agent.context import Fact
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.connect import Agent, AgentError, Request
from autoglm_fix.diagnostics import Signature

from .ahead import ahead
from .bound import Patience


@dataclass(frozen=True)
class Want:
    """One fact that somebody needs. ``options`` and ``pending`` are JSON, so that wants compare.

    ``pending`` holds the links that a plan would make (see ``View``).
    """

    kind: type[Fact]
    options: str
    pending: str
    patience: Patience = field(compare=False, default=Patience())

    @classmethod
    def of(cls, kind: type[Fact], options: Mapping[str, Any], pending: Mapping[str, str], patience: Patience) -> Want:
        """The fact with those of the options that its collector takes, and would not take by itself."""
        usual = _collector_options(kind)
        taken = {name: value for name, value in options.items() if name in usual and value != usual[name]}
        return cls(kind, json.dumps(taken, sort_keys=True), json.dumps(pending, sort_keys=True), patience)


@dataclass(frozen=True)
class Broken:
    """A fact whose collector crashed: a bug of ours, never an answer."""

    message: str
    tail: tuple[str, ...]


Known = Mapping[Want, Any]
Heard = Callable[[str, Mapping[str, Any]], None]


def wants(
    signature: Signature, options: Mapping[str, Any], pending: Mapping[str, str], patience: Patience
) -> dict[str, Want]:
    """The facts that a diagnostic's or fix's parameters ask for, by parameter."""
    return {name: Want.of(kind, options, pending, patience) for name, kind in signature.facts.items()}


class Facts:
    """What a host has said of one service, until a change makes it stale."""

    def __init__(self, agent: Agent, service: ServiceSpec, heard: Heard) -> None:
        """``heard`` is called with the fact's name and each event while it is collected."""
        self._agent = agent
        self._service = service
        self._heard = heard
        self._ahead = ahead(service)
        self._known: dict[Want, Any] = {}
        self._beside: list[tuple[Request, Callable[[Any], None]]] = []

    def send_along(self, request: Request, take: Callable[[Any], None]) -> None:
        """A request of another kind that goes with the next exchange; its reply is given to ``take``."""
        self._beside.append((request, take))

    def gather(self, wanted: Iterable[Want]) -> Known:
        """The wanted facts: each its dataclass, ``Unknown`` or ``Broken``. One exchange for all that is new."""
        wanted = list(dict.fromkeys(wanted))
        new = [want for want in wanted if want not in self._known]
        new.sort(key=lambda want: not getattr(want.kind, "slow", False))
        if new:
            beside, self._beside = self._beside, []
            names = [*(want.kind.__name__ for want in new), *(request.verb for request, _ in beside)]
            replies = self._agent.ask_all(
                [*map(self._request, new), *(request for request, _ in beside)],
                lambda index, event: self._heard(names[index], event),
            )
            self._known.update(zip(new, map(_read, new, replies), strict=False))
            for (_, take), reply in zip(beside, replies[len(new) :], strict=True):
                take(reply)
        return {want: self._known[want] for want in wanted}

    def one(self, kind: type[Fact]) -> Any:
        """A fact as it is without what a plan would make: as it is known, else asked for."""
        want = Want.of(kind, {}, {}, Patience())
        return self.gather([want])[want]

    def forget(self) -> None:
        """Something was changed on the host: everything is asked again."""
        self._known.clear()

    def _request(self, want: Want) -> Request:
        return Request(
            "collect",
            {"module": want.kind.__module__, "fact": want.kind.__name__, "options": json.loads(want.options)},
            service=msgspec.to_builtins(self._service),
            view={"pending": json.loads(want.pending)},
            modules=(want.kind.__module__, *self._ahead),
            deadline_s=want.patience.deadline_s,
            idle_s=want.patience.idle_s,
        )


def _read(want: Want, reply: Any) -> Any:
    if isinstance(reply, AgentError):
        if reply.kind == "crash":
            return Broken(reply.message, reply.tail)
        return Unknown(reply.message)
    try:
        return msgspec.convert(reply, want.kind)
    except msgspec.ValidationError as err:
        return Broken(f"the host's answer has another shape than {want.kind.__name__}: {err}", ())


def _collector_options(kind: type[Fact]) -> dict[str, Any]:
    """The options of a fact's collector, with their defaults."""
    parameters = inspect.signature(kind.collect).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
