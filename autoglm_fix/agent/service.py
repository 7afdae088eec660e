"""The service under repair, as the inventory declares it (DESIGN: "The service under repair")."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal, TypedDict

# Who starts it; "none" where nobody can say, and a person does.
Manager = Literal["systemd", "docker", "compose", "supervisor", "command", "none"]
Engine = Literal["vllm", "sglang", "transformers", "llama.cpp", "ollama", "custom"]


# For the controller.
class Compose(TypedDict, total=False):
    """Where a compose service is defined."""

    files: list[str]
    project: str
    service: str


# For the controller.
class Secret(TypedDict, total=False):
    """Where a secret is read from: an environment variable of the controller, or a file."""

    env: str
    file: str


@dataclass(frozen=True)
class ServiceSpec:
    """One model server or program. ``python`` and ``model`` are paths that the service itself uses.

    ``unit`` and ``container`` are its names for systemd and docker (a unit may be a container's front
    end); ``logs`` is ``journal``, ``container`` or the paths of files; ``drain`` and ``undrain`` are
    argv, ``drain_timeout`` is the seconds that each may take. Without an ``endpoint`` it is asked in process, with
    ``python``.
    """

    name: str = "model"
    manager: Manager = "none"
    unit: str | None = None
    container: str | None = None
    compose: Compose | None = None
    engine: Engine = "transformers"
    python: str | None = None
    model: str | None = None
    served_model_name: str | None = None
    command: list[str] = field(default_factory=list)
    user: str | None = None
    working_dir: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    env_files: list[str] = field(default_factory=list)
    endpoint: str | None = None
    api_key: Secret | None = None
    logs: Literal["journal", "container"] | list[str] | None = None
    drain: list[str] = field(default_factory=list)
    undrain: list[str] = field(default_factory=list)
    drain_timeout: float = 300.0

    @property
    def names_a_folder(self) -> bool:
        """Whether ``model`` is a path, as against the id of a model on a hub (``org/name``)."""
        model = self.model or ""
        if model.startswith(("/", "~", ".")):
            return True
        base = self.working_dir or os.getcwd()
        return model.count("/") != 1 or os.path.exists(os.path.join(base, model))
