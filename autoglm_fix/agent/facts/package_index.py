"""package_index: where the service's own installer looks for packages."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..context import Context
from ..installed.distributions import Index
from ..installed.indexes import index
from .environment import laid_out


@dataclass(frozen=True)
class PackageIndex:
    """What pip or uv are told, whichever made the environment; empty for a service that names no Python."""

    index: Index = field(default_factory=Index)

    @classmethod
    def collect(cls, ctx: Context) -> PackageIndex:
        """Read their files, and the service's variables. CannotTell where its Python is not there."""
        if not ctx.service.python:
            return cls()
        folders, layout, variables = laid_out(ctx)
        return cls(index("uv" in layout.settings, layout.prefix, variables["HOME"], variables, folders.text))
