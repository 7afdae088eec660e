"""The agent's own code beside a real container engine, in a process of its own, as the agent runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from autoglm_fix.agent.changes import Change, to_wire
from autoglm_fix.agent.facts.service import Service
from tests.hosts.containers import Engine, Kind

ROOT = Path(__file__).parents[2]
IMAGE = "lab/model:1"
# The image has a user that no host knows, a model of its own, and a variable.
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nvllm:x:4321:4321::/home/vllm:/bin/sh\n",
    "etc/group": "root:x:0:\nvllm:x:4321:\nmodels:x:777:vllm\n",
    "models/serve.sh": "#!/bin/sh\nexec sleep ${1:-0}\n",
    "models/baked/config.json": '{"model_type": "glm4v"}\n',
    "models/baked/generation_config.json": '{"max_new_tokens": 0}\n',
}
T = TypeVar("T")
_RUN = """
import json, sys
from autoglm_fix.agent import apply
from autoglm_fix.agent.collect import collect
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.state import State
from autoglm_fix.agent.unknown import CannotTell
from autoglm_fix.agent.view import View
given = json.load(sys.stdin)
said = []
ctx = Context(ServiceSpec(**given["service"]), View(given["pending"]), said.append)
try:
    verb = collect if given["verb"] == "collect" else getattr(apply, given["verb"])
    answer = verb(ctx, State(given["state"]), **given["arguments"])
except CannotTell as err:
    answer = {"unknown": str(err)}
print(json.dumps([answer, said]))
"""


@dataclass
class Beside:
    """An engine, and what the agent says and does where it runs. ``said`` are the events of the last call."""

    engine: Engine
    kind: Kind
    state: Path
    python: str = sys.executable
    said: list[dict[str, Any]] = field(default_factory=list)

    def run(self, name: str, *argv: str, options: list[str] | None = None, image: str = IMAGE) -> str:
        """Start a container with the machine's programs; its id."""
        self.engine.docker("run", "-d", "--name", name, *self.engine.here, *(options or []), image, *argv)
        return str(self.inspect(name)["Id"])

    def inspect(self, name: str) -> dict[str, Any]:
        """A container's record, by another way than the agent's."""
        (found,) = json.loads(self.engine.docker("inspect", "--type", "container", name))
        return dict(found)

    def names(self) -> set[str]:
        """All containers, running or not."""
        return set(self.engine.docker("ps", "-a", "--format", "{{.Names}}").split())

    def fact(self, kind: type[T], *, pending: dict[str, str] | None = None, **spec: Any) -> T:
        """A fact as the controller gets it. Fails where nothing could be told."""
        return msgspec.convert(self.collect(kind, pending=pending, **spec), kind)

    def collect(self, kind: type[Any], *, pending: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
        """The same as it came; ``{"unknown": reason}`` where nothing could be told."""
        arguments = {"module": kind.__module__, "fact": kind.__name__, "options": {}}
        found: dict[str, Any] = self.verb("collect", arguments, spec, pending)
        return found

    def service(self, **spec: Any) -> Service:
        return self.fact(Service, **spec)

    def preview(self, *changes: Change, **spec: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.verb("preview", {"changes": [to_wire(each) for each in changes]}, spec)
        return found

    def apply(self, *changes: Change, run: str = "run", **spec: Any) -> list[dict[str, Any]]:
        """An entry a change, as the agent answers."""
        wires = [to_wire(each) for each in changes]
        found: list[dict[str, Any]] = self.verb("apply", {"run": run, "step": "step", "changes": wires}, spec)
        return found

    def undo(self, run: str = "run", force: bool = False) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.verb("undo", {"run": run, "force": force, "dry_run": False}, {})
        return found

    def verb(
        self, verb: str, arguments: dict[str, Any], spec: dict[str, Any], pending: dict[str, str] | None = None
    ) -> Any:
        given = {
            "verb": verb,
            "service": spec,
            "pending": pending or {},
            "state": str(self.state),
            "arguments": arguments,
        }
        environment = {**os.environ, **self.engine.environment, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [self.python, "-B", "-c", _RUN],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        answer, self.said = json.loads(done.stdout)
        return answer
