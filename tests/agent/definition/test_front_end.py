"""A unit that starts a container: the container's main process is the service, and never the command in the unit."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.agent.changes import to_wire
from autoglm_fix.agent.changes.restart import Restart
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.fixes.restart import restart_of
from tests.agent.definition.on_host import completed, do, service
from tests.hosts import Host, boot
from tests.hosts.containers import Engine, engine

pytestmark = pytest.mark.slow

IMAGE = "lab/glm:1"
SERVE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Engine]]:
    shared = tmp_path_factory.mktemp("shared")
    with (
        boot(tmp_path_factory.mktemp("host"), share=[shared]) as host,
        engine(shared / "engine", kind="podman", host=host) as docker,
    ):
        docker.image(IMAGE, HF_HOME="/models/hf")
        yield host, docker


def unit(host: Host, docker: Engine, *options: str | Path) -> None:
    run = ["/usr/bin/docker", "run", "--rm", *map(str, options), *docker.here, IMAGE, "sh", "/srv/serve.sh"]
    host.write("/srv/glm/serve.sh", SERVE)
    host.write(
        "/etc/systemd/system/glm.service",
        f"[Service]\nEnvironment=DOCKER_HOST=unix://{docker.socket}\nExecStart={' '.join(run)}\n",
    )
    host.run("systemctl", "daemon-reload")


def running(host: Host) -> Service:
    deadline = time.monotonic() + 60
    while True:
        found = service(host, manager="systemd", unit="glm", name="glm")
        if found.state == "running" and found.running is not None:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_behind_a_unit_the_container_is_the_service(there: tuple[Host, Engine]) -> None:
    host, docker = there
    unit(host, docker, "--name", "glm", "-v", "/srv/glm:/srv:ro", "-e", "A=1")
    host.run("systemctl", "start", "glm")
    found = running(host)
    assert found.running is not None and found.defined is not None
    assert found.running.argv == ["sh", "/srv/serve.sh"]
    assert found.running.environment is not None and found.running.environment["A"] == "1"
    assert found.defined.container is not None and found.defined.container.name == "glm"
    assert [each.kind for each in found.defined.sources] == ["unit"]
    spec = completed(host, manager="systemd", unit="glm", name="glm")
    assert (spec["container"], spec["environment"]["HF_HOME"], spec["user"]) == ("glm", "/models/hf", "0:0")

    change = restart_of(found)
    assert isinstance(change, Restart)
    change = dataclasses.replace(change, settle=0.5)
    done, _ = do(host, "apply", run="r", step="s", changes=[to_wire(change)])
    assert done == [{"made": True}]
    again = running(host)
    assert again.running is not None and again.running.pid != found.running.pid
    host.run("systemctl", "stop", "glm")
    assert service(host, manager="systemd", unit="glm", name="glm").state in ("stopped", "failed")


def test_a_container_without_a_name_is_not_mistaken_for_the_command_that_waits(there: tuple[Host, Engine]) -> None:
    host, docker = there
    unit(host, docker, "-v", "/srv/glm:/srv:ro")
    host.run("systemctl", "start", "glm")
    found = service(host, manager="systemd", unit="glm", name="glm")
    host.run("systemctl", "stop", "glm")
    assert found.running is None
    assert found.unseen == "the unit starts a container, and no `container` is named"
