"""A step with every variable filled in: what the engine carries out for one service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from autoglm_fix.agent.changes import Change
from autoglm_fix.diagnostics import Diagnostic, Finding
from autoglm_fix.fixes import Fix

from .turns import Throttle


@dataclass(frozen=True)
class Patience:
    """How long a look may take: ``deadline_s`` in all, ``idle_s`` without any progress (None: any time)."""

    deadline_s: float = 120.0
    idle_s: float | None = None


# Reading every byte of a model from a slow disk takes as long as it takes; a disk that stands still ends it.
DEEP = Patience(6 * 3600.0, 120.0)


@dataclass(frozen=True)
class BoundFix:
    """A fix with its options' values and its collaborators, by parameter name."""

    fix: Fix
    options: Mapping[str, Any] = field(default_factory=dict)
    collaborators: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class BoundStep:
    """One step, or one item of its loop. ``options`` go by the diagnostic's parameter names."""

    play: str
    name: str
    diagnostic: Diagnostic
    options: Mapping[str, Any] = field(default_factory=dict)
    fixes: tuple[BoundFix, ...] = ()
    act_on: str = "error"
    patience: Patience = Patience()
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()
    no_log: bool = False
    ignore_errors: bool = False
    throttle: Throttle | None = None
    item: Any = None

    def acts_on(self, finding: Finding) -> bool:
        """Whether this step plans a fix for a finding of that severity."""
        return finding.severity == "error" or (self.act_on == "warning" and finding.severity == "warning")

    def permits(self, change: Change) -> bool:
        """Whether a change of that risk may be made: disruptive ones only by name."""
        if change.risk == "disruptive":
            return change.kind in self.allow
        return change.risk == "safe" or change.risk not in self.deny
