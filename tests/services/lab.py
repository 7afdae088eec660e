"""A host with services of models under systemd, and the command line as a person calls it there."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.command import Said
from tests.endpoint.modes import MODEL
from tests.hosts import Host

ROOT = Path(__file__).parents[2]
# Of /var/lib a host sees what the machine has there.
STATE = "/var/tmp/autoglm-fix"
UNITS = "/etc/systemd/system"
FOLDER = "/srv/models/name"
SETTINGS = f"{FOLDER}/generation_config.json"
BEHAVIOUR = f"{FOLDER}/behaviour"
# With it, an answer is empty; its cure is an edit of the file.
NO_ROOM = json.dumps({"eos_token_id": [257, 260, 262], "max_new_tokens": 0})
# The host's own: nobody installs anything into it meanwhile.
PYTHON = "/usr/bin/python3"
UNIT = """\
[Service]
Environment=PYTHONPATH={root} PYTHONDONTWRITEBYTECODE=1
ExecStart={command}
{more}
"""


@dataclass(frozen=True)
class Served:
    """A service of the lab: a unit whose program listens on a port. ``more`` are keys of its inventory."""

    host: Host
    name: str
    port: int
    model: str = FOLDER
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        return f"{UNITS}/{self.name}.service"

    @property
    def spec(self) -> dict[str, Any]:
        """As an inventory declares it."""
        return {
            "name": self.name,
            "manager": "systemd",
            "unit": f"{self.name}.service",
            "engine": "vllm",
            "python": PYTHON,
            "model": self.model,
            "served_model_name": MODEL,
            "endpoint": f"http://127.0.0.1:{self.port}/v1",
            **self.more,
        }

    def define(self, more: str = "", command: str = "", reload: bool = True) -> None:
        """Write its unit, with more lines of its section."""
        command = command or f"{PYTHON} -m tests.services.fake {self.port} {self.model}"
        self.host.write(self.unit, UNIT.format(root=ROOT, command=command, more=more))
        if reload:
            self.host.run("systemctl", "daemon-reload")

    def start(self) -> int:
        """Start it, and wait until it listens. Its process, as the host counts."""
        self.host.run("systemctl", "start", self.name)
        return self.listening()

    def listening(self) -> int:
        """Wait until it listens. Its process, as the host counts."""
        self.host.run("sh", "-c", f"until ss -ltnH 'sport = :{self.port}' | grep -q .; do sleep 0.05; done")
        return self.pid

    def shown(self, name: str) -> str:
        """A property of its unit."""
        return self.host.run("systemctl", "show", self.name, "--value", "-p", name).stdout.strip()

    @property
    def state(self) -> str:
        return self.shown("ActiveState")

    @property
    def pid(self) -> int:
        return int(self.shown("MainPID"))

    @property
    def starts(self) -> int:
        """How often its program has been started on this host."""
        self.host.run("journalctl", "--sync")
        return self.host.run("journalctl", "-u", self.name, "-o", "cat").stdout.count(f"loading {self.model}\n")


def inventory(host: Host, *services: Mapping[str, Any]) -> str:
    """An inventory of the host itself with these services."""
    declared = {"ansible_connection": "local", "services": list(services)}
    host.write("/root/inventory.yml", json.dumps({"all": {"hosts": {"localhost": declared}}}))
    return "/root/inventory.yml"


def playbook(host: Host, *steps: str, play: str = "vars: {}", verify: bool = True) -> str:
    """A playbook of its own, each step ``diagnose: ...`` and more, on lines of their own."""
    lines = ["- name: a play of its own", "  hosts: all", f"  {play}", "  steps:"]
    for number, step in enumerate(steps):
        lines += [f"    - name: step {number}", *(f"      {line}" for line in step.splitlines())]
    lines += ["  verify:", "    - generate: {require_gpu: false}"] if verify else []
    host.write("/root/playbook.yml", "\n".join(lines) + "\n")
    return "/root/playbook.yml"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "autoglm_fix", *arguments]


def surroundings(**environment: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "AUTOGLM_FIX_STATE_DIR": STATE, **environment}


def autoglm_fix(host: Host, *arguments: str, **environment: str) -> Said:
    """Call it on the host, without a terminal. A traceback on the screen is always a defect."""
    done = host.run(*command(*arguments), env=surroundings(**environment), check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


# Those about files and the service: the lab has no packages of an engine.
TAGS = "weights,tokenizer,generation,service"


def asked(*arguments: str, tags: str = TAGS) -> list[str]:
    """What is typed for a run of steps of the shipped playbook."""
    return ["run", "no-output", "-i", "/root/inventory.yml", "-t", tags, "-e", "require_gpu=false", *arguments]


def repair(host: Host, *arguments: str, tags: str = TAGS, **environment: str) -> Said:
    """Such a run, with its result as a document."""
    return autoglm_fix(host, *asked("--format", "json", *arguments, tags=tags), **environment)


def play(host: Host, path: str, *arguments: str) -> Said:
    """A run of a playbook of its own, with its result as a document."""
    return autoglm_fix(host, "run", path, "-i", "/root/inventory.yml", "--format", "json", *arguments)


def result(said: Said) -> dict[str, Any]:
    """What a document says of the one host."""
    found: dict[str, Any] = said.document["hosts"]["localhost"]
    return found


def step(said: Said, diagnostic: str, service: str = "autoglm") -> dict[str, Any]:
    """A step of the one host."""
    steps = result(said)["steps"]
    (found,) = (each for each in steps if (each["diagnostic"], each["service"]) == (diagnostic, service))
    return dict(found)


def changes(said: Said) -> list[tuple[str, str, bool]]:
    """All changes of the one host in order: the diagnostic of their step, their kind, and whether they were made."""
    steps = result(said)["steps"]
    return [(each["diagnostic"], change["kind"], change["made"]) for each in steps for change in each["changes"]]


def proof(said: Said) -> str:
    """How the last proof ended."""
    return str(result(said)["proof"][-1]["status"])


def undo(host: Host, *arguments: str) -> Said:
    return autoglm_fix(host, "undo", "--yes", *arguments)
