"""link: a symbolic link at a path, in place of what is there or of nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import ClassVar

from ..context import Context
from . import Preview
from .keep import obstacle


@dataclass(frozen=True)
class Link:
    """Make ``path`` a symbolic link to ``to``. Missing parent folders are made, and undone with it."""

    path: str
    to: str
    says: str = ""
    values: dict[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "link"
    risk: ClassVar[str] = "safe"
    undo: ClassVar[str] = "exact"

    def preview(self, ctx: Context) -> Preview:
        lines: list[str] = []
        if os.path.islink(self.path):
            lines.append(f"-{self.path} -> {os.readlink(self.path)}")
        elif os.path.lexists(self.path):
            lines.append(f"-{self.path} (kept aside)")
        lines.append(f"+{self.path} -> {self.to}")
        problem = obstacle(self.path, needed=0)
        if problem is None and not os.path.exists(self.to):
            problem = f"{self.to} is not there"
        return Preview("\n".join(lines), problem)

    def stage(self, ctx: Context, staged: str) -> None:
        os.symlink(self.to, staged)
