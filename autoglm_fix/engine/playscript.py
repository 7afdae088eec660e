"""A playbook's play as the script of one service: templates are evaluated when a step's turn comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event as Flag
from typing import Any

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.authored.problems import BadInput
from autoglm_fix.authored.variables import Variables
from autoglm_fix.fixes import Declined, Fix
from autoglm_fix.playbook import BoundStep as FilledStep
from autoglm_fix.playbook import Play, Step, bind_repeat, bind_step, bind_verify, holds, ruled_out

from .bound import DEEP, BoundFix, BoundStep, Patience
from .results import Fault
from .script import Ask, Until
from .turns import Pilot, Throttle


class Common:
    """What a play is to all of its hosts together. ``stop`` ends all waiting for one another."""

    def __init__(self, play: Play, stop: Flag | None = None) -> None:
        self.play = play
        self.stop = stop or Flag()
        self.pilot = Pilot()
        self.once = any(step.run_once for step in play.steps)
        self._throttles = {step.position: Throttle(step.throttle) for step in play.steps if step.throttle}
        self._needed = frozenset(name for step in play.steps for name in step.waits_for)

    def throttle(self, step: Step) -> Throttle | None:
        """What bounds the hosts that are at a step at once."""
        return self._throttles.get(step.position)

    def needed(self, step: Step) -> str | None:
        """The name of a step's result where others cannot do without it."""
        return step.register if step.register in self._needed else None


@dataclass(frozen=True)
class PlayStep:
    """One step of the play, for one service. ``who`` is that service's script."""

    common: Common
    step: Step
    variables: Variables
    collaborators: Mapping[type, object]
    who: object

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def diagnostic(self) -> str:
        return self.step.diagnose.name

    @property
    def tags(self) -> tuple[str, ...]:
        return self.step.tags

    @property
    def register(self) -> str | None:
        return self.step.register

    @property
    def refers_to(self) -> frozenset[str]:
        # A step that variables rule out anyway waits for nobody.
        return frozenset() if ruled_out(self.step, self.variables) else self.step.waits_for

    @cached_property
    def until(self) -> Until | None:
        repeat = bind_repeat(self.step, self.variables)
        return None if repeat is None else Until(repeat.retries, repeat.delay_s)

    def bind(self, registered: Mapping[str, Any]) -> Sequence[BoundStep] | Fault:
        common = self.common
        if self.step.run_once and not common.pilot.takes(self.who, common.needed(self.step), common.stop):
            return []
        try:
            filled = bind_step(self.step, self.variables.with_layer(registered))
        except BadInput as err:
            return Fault("run.bad-value", {"problem": str(err.problems[0])})
        throttle = common.throttle(self.step)
        return [_bound(common.play, each, self.collaborators, throttle) for each in filled]

    @property
    def left_out(self) -> Declined | None:
        pilot = self.common.pilot.who
        if not self.step.run_once or pilot is self.who or not isinstance(pilot, PlayScript):
            return None
        return Declined("run.done-once", {"service": pilot.service.name, "host": pilot.host})

    def shared(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.step.run_once or self.register is None:
            return result
        return self.common.pilot.shared(self.who, self.register, result)

    def satisfied(self, registered: Mapping[str, Any]) -> bool:
        try:
            return holds(self.step.until, self.variables.with_layer(self.step.vars).with_layer(registered))
        except BadInput:
            # What cannot be told yet may be told after the next diagnosis.
            return False


@dataclass(frozen=True)
class PlayScript:
    """A play for one service of the ``host`` of that name."""

    common: Common
    service: ServiceSpec
    variables: Variables
    key: str | None = field(default=None, repr=False)
    collaborators: Mapping[type, object] = field(default_factory=dict)
    host: str = ""

    @property
    def play(self) -> str:
        return self.common.play.name

    @cached_property
    def steps(self) -> Sequence[PlayStep]:
        steps = self.common.play.steps
        return [PlayStep(self.common, step, self.variables, self.collaborators, self) for step in steps]

    @cached_property
    def asks(self) -> Sequence[Ask]:
        bound = (bind_verify(verify, self.variables) for verify in self.common.play.verify)
        return [_ask(call.options) for call in bound if call is not None]

    @property
    def is_shared(self) -> bool:
        return self.common.once

    @property
    def is_unclaimed(self) -> bool:
        return self.common.once and self.common.pilot.is_missing

    def is_lost(self) -> None:
        self.common.pilot.is_lost(self)


def _ask(options: Mapping[str, object]) -> Ask:
    """The options of ``generate``; their types were checked when they were bound."""
    timeout, start = options["timeout"], options["start_timeout"]
    tokens = options["max_new_tokens"]
    return Ask(
        prompt=str(options["prompt"]),
        max_new_tokens=tokens if isinstance(tokens, int) else 50,
        require_gpu=options["require_gpu"] is True,
        timeout_s=float(timeout) if isinstance(timeout, (int, float)) else 600.0,
        start_timeout_s=float(start) if isinstance(start, (int, float)) else 1800.0,
    )


def _patience(timeout_s: float | None, deep: bool) -> Patience:
    usual = DEEP if deep else Patience()
    return usual if timeout_s is None else Patience(timeout_s, usual.idle_s)


def _bound_fix(fix: Fix, options: Mapping[str, object], collaborators: Mapping[type, object]) -> BoundFix:
    wanted = fix.signature.collaborators.items()
    return BoundFix(fix, options, {name: collaborators[kind] for name, kind in wanted if kind in collaborators})


def _bound(
    play: Play, filled: FilledStep, collaborators: Mapping[type, object], throttle: Throttle | None
) -> BoundStep:
    step = filled.step
    deep = any(filled.diagnose.options.get(name) == value for name, value in filled.diagnose.target.deeper.items())
    return BoundStep(
        play=play.name,
        name=step.name,
        diagnostic=filled.diagnose.target,
        options=filled.diagnose.options,
        fixes=tuple(_bound_fix(call.target, call.options, collaborators) for call in filled.fixes),
        act_on=step.act_on,
        patience=_patience(filled.timeout_s, deep),
        allow=step.allow,
        deny=step.deny,
        tags=step.tags,
        no_log=step.no_log,
        ignore_errors=step.ignore_errors,
        throttle=throttle,
        item=filled.item,
    )
