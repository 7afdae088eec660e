"""``discover`` on a host with systemd, supervisor and containers: what runs, what is down, what was never started."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import Host, boot
from tests.hosts.containers import Engine, engine
from tests.hosts.needs import needs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
IMAGE = "lab/vllm-openai:1"
SERVER = f"""\
#!{sys.executable}
import socket, sys, time
served = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])))
time.sleep(3600)
"""
BREAKS = "#!/bin/sh\nexit 3\n"
PROGRAM = "from transformers import AutoModel\nfound = AutoModel.from_pretrained('/models/own')\n"
COMPOSE = """\
services:
  chat:
    image: lab/vllm-openai:1
    command: {command}
    network_mode: host
    stop_signal: SIGKILL
    volumes: {volumes}
  db:
    image: postgres:16
"""


@dataclass(frozen=True)
class There:
    """A host with everything on it, and what was found there."""

    host: Host
    docker: Engine
    document: dict[str, Any]

    def service(self, name: str) -> dict[str, Any]:
        (each,) = (each for each in self.document["services"] if each["service"]["name"] == name)
        return {**each, **each["service"]}


def discover(host: Host, *arguments: str, **environment: str) -> str:
    """What it prints on the host; a test fails where it fails."""
    variables = {"PYTHONPATH": str(ROOT), **environment}
    return host.run(sys.executable, "-m", "autoglm_fix", *arguments, env=variables).stdout


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    needs("compose", ["docker-compose"])
    shared = tmp_path_factory.mktemp("shared")
    with (
        boot(tmp_path_factory.mktemp("host"), share=[shared]) as host,
        engine(shared / "engine", kind="podman", host=host) as docker,
    ):
        _lay_out(host, docker, shared)
        said = discover(
            host, "discover", "--format", "json", "--search", "/srv", "--search", "/home", **docker.environment
        )
        yield There(host, docker, json.loads(said)["hosts"][0])


def _lay_out(host: Host, docker: Engine, shared: Path) -> None:
    host.write("/opt/up/bin/vllm", SERVER, 0o755)
    host.write("/opt/down/bin/vllm", BREAKS, 0o755)
    _unit(host, "up", "EnvironmentFile=/etc/default/up", "ExecStart=/opt/up/bin/vllm serve ${MODEL} --port 8001")
    host.write("/etc/default/up", "MODEL=/models/up\nVLLM_API_KEY=sk-sososecret\n")
    _unit(
        host,
        "broken",
        "User=nobody",
        "WorkingDirectory=/srv",
        "ExecStart=/opt/down/bin/vllm serve /models/b --port 8002",
    )
    _unit(host, "idle", "ExecStart=/srv/start.sh")
    host.write(
        "/srv/start.sh",
        "#!/bin/bash\n. /opt/sg/bin/activate\npython -m sglang.launch_server --model-path /m/i\n",
        0o755,
    )
    _unit(host, "own", "WorkingDirectory=/srv/own", "ExecStart=/usr/bin/python3 serve.py")
    host.write("/srv/own/serve.py", PROGRAM)
    _unit(host, "plain", "ExecStart=/usr/bin/python3 -m http.server")
    host.write("/etc/systemd/system/many@.service", "[Service]\nExecStart=/opt/up/bin/vllm serve /models/m --port %i\n")
    front = ["/usr/bin/docker", "run", "--rm", "--name", "behind", *docker.here, IMAGE, *_serve("/m/f", 8005)]
    _unit(host, "front", f"Environment=DOCKER_HOST=unix://{docker.socket}", f"ExecStart={' '.join(front)}")
    host.write(
        "/etc/supervisor/conf.d/glm.conf",
        "[program:glm]\ncommand=/opt/down/bin/vllm serve /m/s --port 8004\nstartretries=0\n",
    )
    host.write("/home/u/Open-AutoGLM/main.py", 'os.getenv("PHONE_AGENT_BASE_URL", "http://localhost:8002/v1")\n')
    host.write("/home/u/Open-AutoGLM/phone_agent/__init__.py", "")
    host.write("/srv/never/compose.yml", COMPOSE.format(command='["--model", "/m/n"]', volumes="[]"))
    host.run("mkdir", "-p", "/var/log/supervisor")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "up", "many@8003", "plain", "supervisor")
    host.run("systemctl", "start", "broken", check=False)
    docker.image(IMAGE, files={"opt/v/vllm": SERVER, "opt/broken/vllm": "raise SystemExit(7)"})
    docker.docker("run", "-d", "--name", "exited", *docker.here, IMAGE, *_serve("/m/e", 8006, "/opt/broken/vllm"))
    docker.ended("exited")
    host.run("systemctl", "start", "front")
    project = shared / "project"
    project.mkdir()
    (project / "docker-compose.yml").write_text(
        COMPOSE.format(command=json.dumps(_serve("/m/c", 8007)), volumes=json.dumps(docker.lent)).replace(
            "  db:\n    image: postgres:16\n", ""
        )
    )
    docker.compose("up", "-d", cwd=project)
    deadline = time.monotonic() + 180
    while not _is_settled(host):
        assert time.monotonic() < deadline, docker.docker("ps", "-a")
        time.sleep(0.1)


def _is_settled(host: Host) -> bool:
    """Whether all that serves listens, and supervisor has given its program up."""
    listens = host.run("ss", "-ltn").stdout
    given_up = "FATAL" in host.run("supervisorctl", "status", "glm", check=False).stdout
    return given_up and all(f":{port} " in listens for port in (8001, 8003, 8005, 8007))


def _unit(host: Host, name: str, *lines: str) -> None:
    host.write(f"/etc/systemd/system/{name}.service", "[Service]\n" + "\n".join(lines) + "\n")


def _serve(model: str, port: int, program: str = "/opt/v/vllm") -> list[str]:
    """A server in a container of the image."""
    return [sys.executable, program, "serve", model, "--port", str(port)]


def of(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: found.get(name) for name in names}


def test_a_unit_that_runs(there: There) -> None:
    up = there.service("up")
    assert of(up, "manager", "unit", "state", "model", "endpoint", "python", "api_key") == {
        "manager": "systemd",
        "unit": "up.service",
        "state": "running",
        "model": "/models/up",
        "endpoint": "http://127.0.0.1:8001/v1",
        "python": sys.executable,
        "api_key": {"env": "VLLM_API_KEY"},
    }
    assert there.service("many-8003")["unit"] == "many@8003.service"


def test_units_that_are_down_with_their_code_and_age(there: There) -> None:
    broken = there.service("broken")
    assert of(broken, "state", "exit_code", "user", "working_dir", "endpoint") == {
        "state": "failed",
        "exit_code": 3,
        "user": "nobody",
        "working_dir": "/srv",
        "endpoint": "http://127.0.0.1:8002/v1",
    }
    assert abs(time.time() - broken["ended_at"]) < 600
    idle = there.service("idle")
    assert of(idle, "state", "engine", "model") == {"state": "stopped", "engine": "sglang", "model": "/m/i"}
    assert idle["python"] == "/opt/sg/bin/python"
    own = there.service("own")
    assert of(own, "state", "engine", "python") == {
        "state": "stopped",
        "engine": "transformers",
        "python": "/usr/bin/python3",
    }


def test_what_serves_no_model_is_left_out(there: There) -> None:
    names = {each["service"]["name"] for each in there.document["services"]}
    assert not names & {"plain", "db", "ssh", "supervisor"}


def test_supervisors_program_that_gave_up(there: There) -> None:
    glm = there.service("glm")
    assert of(glm, "manager", "unit", "model") == {"manager": "supervisor", "unit": "glm", "model": "/m/s"}
    assert glm["state"] == "failed"


def test_a_container_that_exited_with_its_code_and_age(there: There) -> None:
    exited = there.service("exited")
    assert of(exited, "manager", "container", "state", "exit_code", "model", "endpoint") == {
        "manager": "docker",
        "container": "exited",
        "state": "failed",
        "exit_code": 7,
        "model": "/m/e",
        "endpoint": "http://127.0.0.1:8006/v1",
    }
    assert abs(time.time() - exited["ended_at"]) < 600


def test_a_unit_its_container_and_the_process_in_it_are_one_service(there: There) -> None:
    front = there.service("front")
    assert of(front, "manager", "unit", "container", "state", "model", "endpoint") == {
        "manager": "systemd",
        "unit": "front.service",
        "container": "behind",
        "state": "running",
        "model": "/m/f",
        "endpoint": "http://127.0.0.1:8005/v1",
    }
    assert [each["service"].get("model") for each in there.document["services"]].count("/m/f") == 1


def test_compose_projects_that_run_and_that_never_did(there: There) -> None:
    by_model = {each["service"].get("model"): each for each in there.document["services"]}
    runs, never = by_model["/m/c"], by_model["/m/n"]
    assert (runs["state"], never["state"]) == ("running", "never-started")
    assert runs["service"]["compose"]["service"] == "chat" and runs["service"]["compose"]["project"] == "project"
    assert never["service"]["compose"] == {"files": ["/srv/never/compose.yml"], "service": "chat"}
    assert runs["service"]["endpoint"] == "http://127.0.0.1:8007/v1"


def test_the_client_with_the_service_that_it_asks(there: There) -> None:
    (client,) = there.document["clients"]
    assert (client["path"], client["base_url"]) == ("/home/u/Open-AutoGLM", "http://localhost:8002/v1")
    assert client["code"] == "discover.client-of-a-service-that-is-down"


def test_no_secret_is_told(there: There) -> None:
    assert "sk-sososecret" not in json.dumps(there.document)


def test_the_inventory_names_each_as_its_manager_does(there: There) -> None:
    text = discover(there.host, "discover", "--format", "yaml", "--search", "/srv", **there.docker.environment)
    there.host.write("/var/tmp/found.yml", text)
    listed = discover(there.host, "inventory", "-i", "/var/tmp/found.yml", "--host", "localhost")
    declared = {each["name"]: each for each in json.loads(listed)["services"]}
    assert declared.keys() == {each["service"]["name"] for each in there.document["services"]}
    for each in there.document["services"]:
        assert {**declared[each["service"]["name"]], **each["service"]} == declared[each["service"]["name"]]


def test_the_bare_command_names_them_too(there: There) -> None:
    said = discover(there.host, **there.docker.environment)
    assert "\n  broken: failed, exit code 3, " in said
    assert "autoglm-fix discover -o inventory.yml" in said


def test_a_user_without_rights_learns_what_could_not_be_seen(there: There) -> None:
    words = [sys.executable, "-m", "autoglm_fix", "discover", "--format", "json"]
    if there.host.run(sys.executable, "-c", "", user="nobody", check=False).returncode:
        words[0] = "/usr/bin/python3"
    variables = {"PYTHONPATH": f"{ROOT}:{':'.join(path for path in sys.path if 'site-packages' in path)}"}
    done = there.host.run(*words, env={**variables, **there.docker.environment}, user="nobody", check=False)
    if "No module named" in done.stderr:
        pytest.skip("the packages of this environment are not for every user")
    (found,) = json.loads(done.stdout)["hosts"]
    states = {each["service"]["name"]: each["state"] for each in found["services"]}
    assert (states["up"], states["broken"]) == ("running", "failed")
    assert any("Permission denied" in reason for reason in found["unseen"])


def test_it_writes_nothing(there: There) -> None:
    before = there.host.written()
    discover(there.host, "discover", **there.docker.environment)
    assert there.host.written() == before


def test_a_host_without_any_service_says_so(tmp_path: Path) -> None:
    with boot(tmp_path / "host") as host:
        said = discover(host, "discover", "--search", "/srv")
        assert "No service of a model was found on localhost, running or defined." in said
        before = host.written()
        discover(host)
        assert host.written() == before
