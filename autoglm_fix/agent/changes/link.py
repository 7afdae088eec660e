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
    """Make ``path`` a symbolic link to ``to``. Missing parent folders are made, and undone with it.

    ``path`` is the host's, ``to`` is as the service sees it: it is the service that follows the link.
    """

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
        if problem is None and not _is_there(ctx, self.to):
            problem = f"{self.to} is not there"
        return Preview("\n".join(lines), problem)

    def stage(self, ctx: Context, staged: str) -> None:
        os.symlink(self.to, staged)


def _is_there(ctx: Context, path: str) -> bool:
    if ctx.view.container is None:
        return os.path.exists(path)
    from ..reach import Reach, Who

    return Reach(ctx.view, Who(None)).follow(path).seen is not None
