"""Podman where nobody serves its API: it is served for as long as we look, and nothing of that stays."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import msgspec
import pytest

from autoglm_fix.agent.facts.service import Service
from tests.agent.definition.on_host import ROOT
from tests.hosts import boot
from tests.hosts.containers import engine

_COLLECT = """
import json
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.agent.service import ServiceSpec
print(json.dumps(plain(Service.collect(Context(ServiceSpec(manager="docker", container="model"))))))
"""


@pytest.mark.slow
def test_a_container_of_podman_without_a_socket_is_found(tmp_path: Path) -> None:
    with boot(tmp_path / "host", share=[tmp_path]) as host, engine(tmp_path / "e", kind="podman", host=host) as podman:
        podman.image("lab/model:1")
        podman.docker("run", "-d", "--name", "model", *podman.here, "lab/model:1", "sleep", "1000")
        host.run("pkill", "-f", "system service")
        host.run("rm", "/run/docker.sock")
        config = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        environment = {name: str(podman.folder / file) for name, file in config.items()}
        done = host.run(sys.executable, "-c", _COLLECT, env={"PYTHONPATH": str(ROOT), **environment}, timeout=300)
        found = msgspec.convert(json.loads(done.stdout), Service)
        assert found.state == "running"
        assert found.defined is not None and found.defined.argv == ["sleep", "1000"]
        deadline = time.monotonic() + 60
        while "autoglm-fix" in host.run("ls", "/tmp").stdout and time.monotonic() < deadline:
            time.sleep(0.2)
        assert "autoglm-fix" not in host.run("ls", "-A", "/tmp").stdout
        assert host.run("pgrep", "-f", "system service", check=False).stdout == ""
