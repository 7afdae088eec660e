from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import boot
from tests.hosts.cable import wait_for
from tests.hosts.containers import KINDS, Engine, Kind, engine

pytestmark = pytest.mark.slow
IMAGE = "lab/python:1"
# A shell as a container's first process is deaf to a polite end.
PROJECT = {"image": IMAGE, "command": "sleep 1000", "network_mode": "host", "stop_signal": "SIGKILL"}


@pytest.fixture(scope="module", params=KINDS)
def docker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    kind: Kind = request.param
    with engine(tmp_path_factory.mktemp(kind) / "engine", kind=kind) as found:
        found.image(IMAGE, files={"srv/note": "from the image\n"}, MODEL="glm")
        yield found


def inspected(docker: Engine, name: str, field: str) -> str:
    return docker.docker("inspect", "--format", f"{{{{{field}}}}}", name).strip()


def test_a_container_runs_the_machines_programs_on_its_image(docker: Engine) -> None:
    docker.docker("run", "-d", "--name", "model", *docker.here, IMAGE, "sh", "-c", "echo $MODEL; exec sleep 1000")
    assert "from the image" in docker.docker("exec", "model", "cat", "/srv/note")
    assert "AutoGLM" in docker.docker("exec", "model", sys.executable, "-c", "import autoglm_fix; print('AutoGLM')")
    assert docker.docker("logs", "model").strip() == "glm"
    assert Path(f"/proc/{inspected(docker, 'model', '.State.Pid')}/root/srv/note").read_text() == "from the image\n"
    docker.docker("restart", "-t", "0", "model")
    assert inspected(docker, "model", ".State.Running") == "true"
    docker.docker("rm", "-f", "model")


def test_a_container_that_ended_keeps_its_code(docker: Engine) -> None:
    docker.docker("run", "--name", "attached", *docker.here, IMAGE, "sh", "-c", "exit 3", check=False)
    assert docker.ended("attached") == 3
    docker.docker("run", "-d", "--name", "detached", *docker.here, IMAGE, "sh", "-c", "exit 4")
    assert docker.ended("detached") == 4


def test_compose_recreates_what_its_file_has_changed(docker: Engine, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    file = project / "docker-compose.yml"
    ids = []
    for model in ("glm", "other"):
        service = {**PROJECT, "volumes": docker.lent, "environment": {"MODEL": model}}
        file.write_text(json.dumps({"version": "3.7", "services": {"vllm": service}}))
        docker.compose("up", "-d", "-t", "0", cwd=project)
        (running,) = docker.compose("ps", "-q", cwd=project).split()
        labels = json.loads(inspected(docker, running, "json .Config.Labels"))
        assert labels["com.docker.compose.project"] == "shop"
        assert labels["com.docker.compose.service"] == "vllm"
        assert docker.docker("exec", running, "printenv", "MODEL").strip() == model
        ids.append(running)
    assert ids[0] != ids[1]
    docker.compose("down", "-t", "0", cwd=project)


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_on_a_host_has_networks_of_its_own(kind: Kind, tmp_path: Path) -> None:
    with boot(tmp_path / "host", share=[tmp_path]) as host, engine(tmp_path / "e", kind=kind, host=host) as docker:
        docker.image(IMAGE)
        serve = ["python3", "-m", "http.server", "8000"]
        volumes = [word for volume in docker.lent for word in ("-v", volume)]
        docker.docker("run", "-d", "--name", "model", "-p", "8000:8000", *volumes, IMAGE, *serve)
        assert "model" in host.run("docker", "ps").stdout
        wait_for(host.address, 8000)
        with urllib.request.urlopen(f"http://{host.address}:8000/") as answer:
            assert answer.status == 200
