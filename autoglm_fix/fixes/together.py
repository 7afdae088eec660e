"""What else the same look found: for fixes whose one change cures several findings at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from autoglm_fix.diagnostics import Finding


@dataclass(frozen=True)
class Together:
    """All findings that a step acts on, in their order, handed to a fix beside the one that it is asked about."""

    findings: tuple[Finding, ...] = ()

    collaborator: ClassVar[bool] = True
