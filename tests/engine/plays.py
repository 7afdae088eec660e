"""Scripts and runs for the engine's tests: a play over ``pair``, on this machine, over the real agent."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.engine.bound import BoundFix, BoundStep
from autoglm_fix.engine.events import Listener, PlansReady
from autoglm_fix.engine.fleet import Limits
from autoglm_fix.engine.host import Target
from autoglm_fix.engine.results import Fault, RunResult, StepResult
from autoglm_fix.engine.run import Order, new_run_id, run
from autoglm_fix.engine.script import Ask, Until
from autoglm_fix.fixes import Declined

from .pair import MEND, RELINK, TEXT


@dataclass(frozen=True)
class Step:
    """A script's step over ``pair``; ``refers`` and ``when`` stand for a condition on a registered result."""

    name: str = "the text is good"
    options: Mapping[str, Any] = field(default_factory=dict)
    fixes: Sequence[BoundFix] = (BoundFix(MEND),)
    register: str | None = None
    refers: str | None = None
    until: Until | None = None
    tags: tuple[str, ...] = ()
    items: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)
    diagnostic: str = "text"

    @property
    def refers_to(self) -> frozenset[str]:
        return frozenset([self.refers] if self.refers else [])

    def bind(self, registered: Mapping[str, Any]) -> Sequence[BoundStep] | Fault:
        if self.refers and registered[self.refers]["status"] == "healthy":
            return []
        step = BoundStep("play", self.name, TEXT, self.options, tuple(self.fixes), **self.more)
        return [step] * self.items

    @property
    def left_out(self) -> Declined | None:
        return None

    def shared(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        return result

    def satisfied(self, registered: Mapping[str, Any]) -> bool:
        return bool(registered[self.register or ""]["status"] == "healthy")


@dataclass(frozen=True)
class Play:
    service: ServiceSpec
    steps: Sequence[Step]
    play: str = "play"
    asks: Sequence[Ask] = ()
    key: str | None = None
    is_shared: bool = False
    is_unclaimed: bool = False

    def is_lost(self) -> None:
        pass


def relink(to: Path | str) -> BoundFix:
    return BoundFix(RELINK, {"to": str(to)})


def describe(step: StepResult) -> Mapping[str, Any]:
    return {"status": step.status.value}


def carry_out(
    model: Path | str,
    *steps: Step,
    dry_run: bool = False,
    approve: bool = True,
    limits: Limits | None = None,
    listen: Listener = lambda _event: None,
    python: str | None = None,
    state: str = "",
    run_id: str | None = None,
    even_if_working: bool = False,
    asks: Sequence[Ask] = (),
    key: str | None = None,
    stop: threading.Event | None = None,
    **service: Any,
) -> RunResult:
    """Run a play of these steps against a folder on this machine; ``service`` are more keys of its inventory."""
    import os
    import sys

    play = Play(ServiceSpec(model=str(model), **service), steps, asks=asks, key=key)
    target = Target(
        "here",
        lambda: LocalChannel(argv(python or sys.executable)),
        state or os.environ["AUTOGLM_FIX_STATE_DIR"],
        [[play]],
    )
    limits = limits or Limits()
    order = Order(
        "test.yml",
        [target],
        [limits],
        "tests",
        dry_run=dry_run,
        even_if_working=even_if_working,
        stop=stop or threading.Event(),
    )

    def ask(_plans: PlansReady) -> bool:
        return approve

    return run(order, run_id or new_run_id(), listen, ask, describe)
