"""callers: what on this host stands between the service and people: clients of it, and proxies before it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..asking.client import Client
from ..asking.nginx import FrontEnd
from ..context import Context


@dataclass(frozen=True)
class Callers:
    """Those that ask the service's port; none for a service without one. ``unseen``: what could not be read."""

    clients: list[Client] = field(default_factory=list)
    front_ends: list[FrontEnd] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context) -> Callers:
        """Look where projects and nginx's configuration usually lie; folders that do not answer are left out."""
        if not ctx.declared.endpoint:
            return cls()
        from ..asking.look import look

        return cls(*look(ctx.declared))
