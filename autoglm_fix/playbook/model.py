"""A playbook as the engine gets it: every name known, every plain value of its type, templates parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeAlias, TypeVar

from autoglm_fix.authored.problems import Position
from autoglm_fix.authored.variables import Layer
from autoglm_fix.authored.yaml_source import YamlNode, YamlScalar
from autoglm_fix.diagnostics import Diagnostic, Signature
from autoglm_fix.fixes import Fix

OnFailure = Literal["keep", "rollback"]
ActOn = Literal["error", "warning"]


@dataclass(frozen=True)
class ProofKind:
    """A way to prove that a service works, with the options that ``verify`` takes for it."""

    name: str
    signature: Signature
    summary: str


T = TypeVar("T", Diagnostic, Fix, ProofKind)

# Bare expressions that must all hold; none always holds.
Condition: TypeAlias = tuple[YamlScalar, ...]


@dataclass(frozen=True)
class Call(Generic[T]):
    """A diagnostic, fix or proof by name, with the options written for it, templates not yet evaluated."""

    name: str
    target: T
    options: Mapping[str, YamlNode]
    position: Position


@dataclass(frozen=True)
class LoopControl:
    """The names under which a loop's item and its number (from 0) are known, and the label of an item."""

    loop_var: str = "item"
    index_var: str | None = None
    label: YamlNode | None = None


@dataclass(frozen=True)
class Step:
    """One diagnosis and its fixes.

    ``waits_for`` are the registered names of earlier steps that it cannot be bound without; it is
    empty for a step that can be decided before any host is touched. ``level`` is the number of
    exchanges that must come before its own because of that. ``timeout``, ``retries`` and ``delay``
    are None where nothing is written. ``tags``, ``allow`` and ``deny`` hold the play's too.
    """

    name: str
    position: Position
    diagnose: Call[Diagnostic]
    fixes: tuple[Call[Fix], ...] = ()
    when: Condition = ()
    loop: YamlNode | None = None
    loop_control: LoopControl = LoopControl()
    register: str | None = None
    tags: tuple[str, ...] = ()
    vars: Layer = field(default_factory=dict)
    ignore_errors: bool = False
    any_errors_fatal: bool = False
    no_log: bool = False
    run_once: bool = False
    throttle: int = 0
    timeout: YamlNode | None = None
    until: Condition = ()
    retries: YamlNode | None = None
    delay: YamlNode | None = None
    act_on: ActOn = "error"
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    waits_for: frozenset[str] = frozenset()
    level: int = 0

    @property
    def repeats(self) -> bool:
        """Whether the diagnosis is repeated until something holds."""
        return bool(self.until) or self.retries is not None


@dataclass(frozen=True)
class Verify:
    """One proof that ends the play. It runs whatever the tags."""

    call: Call[ProofKind]
    name: str
    position: Position
    when: Condition = ()

    @property
    def kind(self) -> str:
        return self.call.name


@dataclass(frozen=True)
class Becoming:
    """What a play says of who acts on its hosts; None where it says nothing. ``at`` is where it says it."""

    become: bool | None = None
    user: str | None = None
    method: str | None = None
    at: Position = field(default_factory=lambda: Position("become"), compare=False)

    def conflicts(self, other: Becoming) -> bool:
        """Whether another play of the same host wants somebody else."""
        return (self.become, self.user, self.method) != (other.become, other.user, other.method)


@dataclass(frozen=True)
class Play:
    """Steps for the hosts of a pattern.

    ``vars`` are those of the play and then of its ``vars_files``; ``extra`` are those of the command
    line, each of the type that the play's own variable of that name has. ``folder`` is the playbook's.
    """

    name: str
    position: Position
    hosts: YamlNode
    steps: tuple[Step, ...] = ()
    verify: tuple[Verify, ...] = ()
    vars: Layer = field(default_factory=dict)
    extra: Layer = field(default_factory=dict)
    serial: YamlNode | None = None
    max_fail_percentage: YamlNode | None = None
    max_unavailable: YamlNode | None = None
    max_loading: YamlNode | None = None
    any_errors_fatal: bool = False
    on_failure: OnFailure = "keep"
    becoming: Becoming = field(default_factory=Becoming)
    tags: tuple[str, ...] = ()
    folder: Path = Path()


@dataclass(frozen=True)
class Playbook:
    """One file of plays, in order."""

    path: Path
    plays: tuple[Play, ...]
