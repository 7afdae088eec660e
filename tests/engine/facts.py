"""The fact of ``pair``: it travels to the agent as any fact does, so it imports nothing of the rest."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TextFile:
    path: str
    host: str | None
    content: str | None
    reads: list[str]

    @classmethod
    def collect(cls, ctx: Any, *, name: str = "model.txt") -> TextFile:
        if name == "hang":
            time.sleep(60)
        if name == "crash":
            raise ZeroDivisionError
        if name == "die":
            os.abort()
        place = ctx.view.place(os.path.join(ctx.service.model, name))
        host = os.path.realpath(place.host)
        content = None
        if os.path.exists(host):
            with open(host, encoding="utf-8") as source:
                content = source.read()
        return cls(place.inside, host, content, [host])
