"""A host with services of models under systemd, and the command line as a person calls it there."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.command import Said
from tests.endpoint.modes import MODEL
from tests.hosts import Host

ROOT = Path(__file__).parents[2]
STATE = "/var/lib/autoglm-fix"
UNITS = "/etc/systemd/system"
# That of the host's own: the services' environment is none that anybody installs into meanwhile.
PYTHON = "/usr/bin/python3"
UNIT = """\
[Service]
Environment=PYTHONPATH={root} PYTHONDONTWRITEBYTECODE=1
ExecStart={command}
{more}
"""


@dataclass(frozen=True)
class Served:
    """A service of the lab: a unit whose program listens on a port."""

    host: Host
    name: str
    port: int
    model: str
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
        """Write its unit."""
        command = command or f"{PYTHON} -m tests.services.fake {self.port} {self.model}"
        self.host.write(self.unit, UNIT.format(root=ROOT, command=command, more=more))
        if reload:
            self.host.run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.host.run("systemctl", "start", self.name)
        self.wait()

    def wait(self) -> None:
        """Until it listens."""
        listens = f"until ss -ltnH 'sport = :{self.port}' | grep -q .; do sleep 0.05; done"
        self.host.run("sh", "-c", listens)

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
        """How often systemd has started it since the unit was written."""
        self.host.run("journalctl", "--sync")
        said = self.host.run("journalctl", "-u", self.name, "-o", "cat").stdout
        return said.count("loading ")


def inventory(host: Host, *services: Mapping[str, Any], path: str = "/root/inventory.yml") -> str:
    """An inventory of the host itself with these services."""
    declared = {"ansible_connection": "local", "services": list(services)}
    host.write(path, json.dumps({"all": {"hosts": {"localhost": declared}}}))
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "autoglm_fix", *arguments]


def surroundings(**environment: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "AUTOGLM_FIX_STATE_DIR": STATE, **environment}


def autoglm_fix(host: Host, *arguments: str, **environment: str) -> Said:
    """Call it on the host, without a terminal. A traceback on the screen is always a defect."""
    done = host.run(*command(*arguments), env=surroundings(**environment), check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def repair(host: Host, hosts: str, *arguments: str, playbook: str = "no-output", **environment: str) -> Said:
    """``run`` with its result as a document."""
    given = ["run", playbook, "-i", hosts, "-e", "require_gpu=false", "--format", "json", *arguments]
    return autoglm_fix(host, *given, **environment)


def steps(said: Said, service: str | None = None) -> dict[str, dict[str, Any]]:
    """The steps of the one host, by the tag-like name of their diagnostic."""
    (host,) = said.document["hosts"].values()
    wanted: Sequence[dict[str, Any]] = host["steps"]
    return {step["diagnostic"]: step for step in wanted if service in (None, step["service"])}
