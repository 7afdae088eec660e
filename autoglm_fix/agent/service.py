"""The service under repair, as the inventory declares it (DESIGN: "The service under repair")."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServiceSpec:
    """One model server or program. Paths are those that the service itself uses."""

    name: str = "model"
    manager: str = "none"
    engine: str = "transformers"
    python: str | None = None
    model: str | None = None
    served_model_name: str | None = None
    command: list[str] = field(default_factory=list)
    user: str | None = None
    working_dir: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    env_files: list[str] = field(default_factory=list)
    endpoint: str | None = None

    @property
    def names_a_folder(self) -> bool:
        """Whether ``model`` is a path, as against the id of a model on a hub (``org/name``)."""
        model = self.model or ""
        if model.startswith(("/", "~", ".")):
            return True
        base = self.working_dir or os.getcwd()
        return model.count("/") != 1 or os.path.exists(os.path.join(base, model))
