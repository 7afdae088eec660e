"""What the engine walks through: a play as it stands for one service of one host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.fixes import Declined

from .bound import BoundStep
from .results import Fault


@dataclass(frozen=True)
class Ask:
    """One entry of ``verify``: what the service shall generate.

    ``timeout_s`` is for generating, ``start_timeout_s`` for waiting until a service that was started answers.
    """

    prompt: str
    max_new_tokens: int
    require_gpu: bool
    timeout_s: float
    start_timeout_s: float = 1800.0


@dataclass(frozen=True)
class Until:
    """A diagnosis to repeat until an expression over its result holds; a fix is never repeated."""

    retries: int
    delay_s: float


class ScriptStep(Protocol):
    """A step whose variables are filled in when its turn comes."""

    @property
    def name(self) -> str: ...

    @property
    def diagnostic(self) -> str: ...

    @property
    def tags(self) -> tuple[str, ...]: ...

    @property
    def register(self) -> str | None: ...

    @property
    def until(self) -> Until | None: ...

    @property
    def refers_to(self) -> frozenset[str]:
        """The registered names of earlier steps that it needs before it can be bound."""

    def bind(self, registered: Mapping[str, Any]) -> Sequence[BoundStep] | Fault:
        """One bound step, or one for each item of its loop; none where ``when`` says no."""

    @property
    def left_out(self) -> Declined | None:
        """Why it is not looked at here at all: another service does it for all."""

    def shared(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is registered for the step: its result, or the one of the host that does it for all."""

    def satisfied(self, registered: Mapping[str, Any]) -> bool:
        """Whether ``until`` holds."""


class Script(Protocol):
    """A play for one service. Its steps are those that the tags left."""

    @property
    def play(self) -> str: ...

    @property
    def service(self) -> ServiceSpec: ...

    @property
    def key(self) -> str | None:
        """The secret that the service's endpoint asks for."""

    @property
    def steps(self) -> Sequence[ScriptStep]: ...

    @property
    def is_shared(self) -> bool:
        """Whether one host does steps of it for all."""

    @property
    def is_unclaimed(self) -> bool:
        """Whether there are such steps, and none has done them."""

    def is_lost(self) -> None:
        """The host cannot be looked at: what others would have had from it is another's to do."""

    @property
    def asks(self) -> Sequence[Ask]: ...
