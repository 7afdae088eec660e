"""The facts of one service, asked of its host once, many in one exchange."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from autoglm_fix.agent.context import Fact
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import Unknown
from autoglm_fix.connect import Agent, AgentError, Request
from autoglm_fix.diagnostics import Signature
from autoglm_fix.shaped import shaped

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
_Beside = tuple[Request, Callable[[Any], None]]


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
        self._beside: list[_Beside] = []
        self.cut_off = False  # whether a Ctrl-C kept the host from an answer

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
            groups = _together(new)
            replies = self._exchange(groups, beside)
            for (_, take), reply in zip(beside, replies[len(groups) :], strict=True):
                take(reply)
            alone: list[tuple[Want, ...]] = []
            for group, reply in zip(groups, replies, strict=False):
                if len(group) > 1 and isinstance(reply, AgentError):
                    # One of them keeps the others from an answer: which, only asking each alone will tell.
                    alone += [(want,) for want in group]
                else:
                    self._known.update(zip(group, _read_each(group, reply), strict=True))
            for (want,), reply in zip(alone, self._exchange(alone, []) if alone else (), strict=True):
                self._known[want] = _read(want, reply)
        return {want: self._known[want] for want in wanted}

    def one(self, kind: type[Fact]) -> Any:
        """A fact as it is without what a plan would make: as it is known, else asked for."""
        want = Want.of(kind, {}, {}, Patience())
        return self.gather([want])[want]

    def forget(self) -> None:
        """Something was changed on the host: everything is asked again."""
        self._known.clear()

    def _exchange(self, groups: Sequence[tuple[Want, ...]], beside: Sequence[_Beside]) -> list[Any]:
        names = [*(group[0].kind.__name__ for group in groups), *(request.verb for request, _ in beside)]
        requests = [*map(self._request, groups), *(request for request, _ in beside)]
        replies = self._agent.ask_all(requests, lambda index, event: self._heard(names[index], event))
        self.cut_off |= any(isinstance(reply, AgentError) and reply.kind == "cancelled" for reply in replies)
        return replies

    def _request(self, group: tuple[Want, ...]) -> Request:
        want = group[0]
        options = [json.loads(each.options) for each in group]
        return Request(
            "collect",
            {
                "module": want.kind.__module__,
                "fact": want.kind.__name__,
                "options": options if len(options) > 1 else options[0],
            },
            service=msgspec.to_builtins(self._service),
            view={"pending": json.loads(want.pending)},
            # What is of the host alone needs no code that reads a service's definition.
            modules=(want.kind.__module__, *(() if getattr(want.kind, "of_host", False) else self._ahead)),
            deadline_s=want.patience.deadline_s,
            idle_s=want.patience.idle_s,
        )


def _together(wants: Sequence[Want]) -> list[tuple[Want, ...]]:
    """The same fact with several options is one request, for which the host forks but once."""
    groups: dict[Any, list[Want]] = {}
    for number, want in enumerate(wants):
        key = number if getattr(want.kind, "slow", False) else (want.kind, want.pending, want.patience)
        groups.setdefault(key, []).append(want)
    return [tuple(group) for group in groups.values()]


def _read_each(group: tuple[Want, ...], reply: Any) -> list[Any]:
    if len(group) == 1:
        return [_read(group[0], reply)]
    if not isinstance(reply, list) or len(reply) != len(group):
        return [Broken(f"the host has not answered for each {group[0].kind.__name__}", ())] * len(group)
    return [
        Unknown(str(reason)) if value is None else _read(want, value)
        for want, (value, reason) in zip(group, reply, strict=True)
    ]


def _read(want: Want, reply: Any) -> Any:
    if isinstance(reply, AgentError):
        if reply.kind == "crash":
            return Broken(reply.message, reply.tail)
        return Unknown(reply.message)
    try:
        return shaped(reply, want.kind)
    except msgspec.ValidationError as err:
        return Broken(f"the host's answer has another shape than {want.kind.__name__}: {err}", ())


@functools.cache
def _collector_options(kind: type[Fact]) -> Mapping[str, Any]:
    """The options of a fact's collector, with their defaults."""
    parameters = inspect.signature(kind.collect).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
