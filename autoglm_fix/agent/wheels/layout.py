"""Where an environment keeps what wheels bring."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """An environment by the folder of its distributions.

    ``python`` is its interpreter as the service names it, which is what its scripts start with.
    """

    site: str
    python: str

    @property
    def root(self) -> str:
        """The environment's folder: ``ROOT/lib/python3.11/site-packages``; a lone folder is one of its own."""
        above = os.path.dirname(os.path.dirname(self.site))
        return os.path.dirname(above) if os.path.basename(above).startswith("lib") else self.site

    @property
    def scripts(self) -> str:
        return os.path.join(self.root, "bin")

    def place(self, scheme: str, project: str) -> str | None:
        """The folder for a part of a wheel (``scripts``, ``data``, ...), None for a part that there is not."""
        if scheme in ("purelib", "platlib"):
            return self.site
        if scheme == "scripts":
            return self.scripts
        if scheme == "headers":
            series = os.path.basename(os.path.dirname(self.site))
            return os.path.join(self.root, "include", "site", series, project)
        return self.root if scheme == "data" else None

    def holds(self, path: str) -> bool:
        """Whether a path is the environment's own."""
        return path.startswith(self.root.rstrip("/") + "/")
