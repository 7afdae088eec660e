"""Services in containers of real engines: defined by their record, running or exited, and by compose files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.definition.compose_sources import env_files
from autoglm_fix.agent.definition.containers import when
from autoglm_fix.agent.facts.service import Service
from tests.agent.beside_engines import IMAGE, Beside

SLEEP = ("sleep", "1000")
# A shell as a container's first process is deaf to a polite end.
AT_ONCE = ["--stop-signal", "SIGKILL"]


def docker(name: str = "model") -> dict[str, Any]:
    return {"manager": "docker", "container": name}


@pytest.mark.slow
def test_a_running_container_is_defined_by_its_record(beside: Beside, tmp_path: Path) -> None:
    options = ["-v", f"{tmp_path}:/srv/models:ro", "-e", "KEY=a=b c", "-w", "/srv", "--user", "vllm", *AT_ONCE]
    made = beside.run("model", *SLEEP, options=[*options, "--restart", "unless-stopped", "--stop-timeout", "70"])
    found = beside.service(**docker())
    assert (found.state, found.ended, found.log, found.undefined) == ("running", None, [], "")
    defined, running = found.defined, found.running
    assert defined is not None and defined.container is not None and running is not None
    assert (defined.manager, defined.name, defined.argv) == ("docker", "model", list(SLEEP))
    assert defined.environment is not None and defined.environment["KEY"] == "a=b c"
    assert (defined.environment["MODEL"], defined.environment["HOME"]) == ("glm", "/home/vllm")
    assert (defined.user, defined.working_dir, defined.restart) == ("4321:4321,777", "/srv", "unless-stopped")
    assert (defined.limits.stop_s, defined.limits.probe_s) == (70.0, None)
    assert defined.container.id == made
    mounts = {each.inside: (each.host, each.readonly) for each in defined.container.mounts}
    assert mounts["/srv/models"] == (str(tmp_path), True)
    assert running.pid == beside.inspect("model")["State"]["Pid"]
    assert (running.argv, running.user) == (list(SLEEP), "4321")
    assert Path(f"/proc/{running.pid}/root/models/baked").is_dir()


@pytest.mark.slow
def test_what_the_inventory_leaves_open_comes_from_the_container(beside: Beside) -> None:
    beside.run("model", "python3", "-c", "import time; time.sleep(1000)", options=["-e", "KEY=value", *AT_ONCE])
    found = beside.service(**docker())
    assert found.running is not None and found.running.python and "python3" in found.running.python
    assert found.handle == {"name": "model", **docker()}


@pytest.mark.slow
@pytest.mark.parametrize("state", ["running", "ended"])
def test_a_script_that_it_starts_is_part_of_its_definition(beside: Beside, tmp_path: Path, state: str) -> None:
    script = tmp_path / "serve.sh"
    script.write_text("#!/bin/sh\nexec sleep ${1:-0}\n")
    script.chmod(0o755)
    last = ["1000"] if state == "running" else []
    for name, argv, host in (
        ("mounted", ["/srv/serve.sh", *last], str(script)),
        ("read", ["sh", "-e", "/srv/serve.sh", *last], str(script)),
        ("baked", ["sh", "/models/serve.sh", *last], None),
    ):
        beside.run(name, *argv, options=["-v", f"{tmp_path}:/srv", *AT_ONCE])
        if state == "ended":
            beside.engine.ended(name)
        found = beside.service(**docker(name))
        assert found.defined is not None
        ((kind, file),) = [(each.kind, each.file) for each in found.defined.sources]
        assert (kind, file.host, file.state) == ("script", host, "ok")
        assert (file.inside, "exec sleep" in file.text) == (argv[-1 - len(last)], True)


@pytest.mark.slow
def test_an_exited_container_keeps_definition_code_and_age(beside: Beside) -> None:
    beside.run("model", "sh", "-c", "echo started; echo no CUDA >&2; exit 3", options=["--user", "vllm"])
    beside.engine.ended("model")
    found = beside.service(**docker())
    assert (found.state, found.running) == ("failed", None)
    assert found.ended is not None and found.ended.at is not None
    assert (found.ended.code, found.ended.signal, found.ended.out_of_memory) == (3, "", False)
    assert abs(found.ended.at - time.time()) < 600
    assert set(found.log) == {"started", "no CUDA"}
    assert found.defined is not None and found.defined.argv is not None and found.defined.argv[0] == "sh"
    assert found.defined.user == "4321:4321,777"  # read from a container that does not run


@pytest.mark.slow
def test_a_container_that_was_killed_says_by_what(beside: Beside) -> None:
    beside.run("model", *SLEEP)
    beside.engine.docker("kill", "model")
    beside.engine.ended("model")
    found = beside.service(**docker())
    assert (found.state, found.ended and found.ended.signal) == ("failed", "SIGKILL")


@pytest.mark.slow
def test_a_container_that_was_stopped_has_not_failed(beside: Beside) -> None:
    beside.run("model", "sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    while "ready" not in beside.engine.docker("logs", "model"):
        time.sleep(0.1)
    beside.engine.docker("stop", "-t", "30", "model")
    assert beside.service(**docker()).state == "stopped"


@pytest.mark.slow
def test_a_container_that_was_never_started_is_stopped(beside: Beside) -> None:
    beside.engine.docker("create", "--name", "model", "--network", "host", IMAGE, *SLEEP)
    found = beside.service(**docker())
    assert (found.state, found.running, found.ended) == ("stopped", None, None)


@pytest.mark.slow
def test_a_container_that_cannot_be_started_says_why(beside: Beside) -> None:
    beside.engine.docker("run", "-d", "--name", "model", *beside.engine.here, IMAGE, "no-such-program", check=False)
    found = beside.service(**docker())
    if beside.kind == "podman":  # which keeps no word of it
        assert (found.state, found.ended) == ("stopped", None)
    else:
        assert found.state == "failed"
        assert found.ended is not None and "no-such-program" in found.ended.reason


@pytest.mark.slow
def test_a_paused_container_is_no_running_service(beside: Beside) -> None:
    beside.run("model", *SLEEP, options=AT_ONCE)
    beside.engine.docker("pause", "model")
    try:
        found = beside.service(**docker())
    finally:
        beside.engine.docker("unpause", "model")
    assert (found.state, found.ended and found.ended.reason) == ("stopped", "paused")


@pytest.mark.slow
def test_a_container_that_comes_back_again_and_again_is_restarting(beside: Beside) -> None:
    beside.run("model", "sh", "-c", "echo no; exit 1", options=["--restart", "always"])
    deadline = time.monotonic() + 60
    while (found := beside.service(**docker())).state != "restarting" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found.state == "restarting"
    assert "no" in found.log


@pytest.mark.slow
def test_a_container_without_a_name_like_that_is_absent_and_others_are_named(beside: Beside) -> None:
    beside.run("autoglm-1", *SLEEP, options=AT_ONCE)
    found = beside.service(**docker("autoglm"))
    assert (found.state, found.undefined, found.near) == ("absent", "no container is named autoglm", ["autoglm-1"])


@pytest.mark.slow
def test_a_health_check_gives_its_time(beside: Beside) -> None:
    check = ["--health-cmd", "true", "--health-interval", "20s", "--health-retries", "4"]
    beside.run("model", *SLEEP, options=[*check, "--health-start-period", "90s", *AT_ONCE])
    found = beside.service(**docker())
    assert found.state in ("starting", "running")
    assert found.defined is not None
    assert (found.defined.limits.probe_s, found.defined.limits.set_by["probe_s"]) == (170.0, "Healthcheck")


def test_an_engine_that_cannot_be_asked_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from autoglm_fix.agent.context import Context
    from autoglm_fix.agent.definition import engine_api
    from autoglm_fix.agent.service import ServiceSpec
    from autoglm_fix.agent.unknown import CannotTell

    monkeypatch.setattr(engine_api, "_SOCKETS", ())
    monkeypatch.setattr(engine_api, "_OF_USERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))  # without podman
    for address, reason in (
        (f"unix://{tmp_path}/none", "cannot be asked: No such file or directory"),
        ("ssh://elsewhere", "is not one of this machine"),
        ("", "no container engine is on this host"),
    ):
        monkeypatch.setenv("DOCKER_HOST", address)
        ctx = Context(ServiceSpec(manager="docker", container="model"))
        with pytest.raises(CannotTell, match=reason):
            Service.collect(ctx)
        with pytest.raises(CannotTell, match=reason):
            ctx.view.through("/models")
        assert ctx.view.place("/models").host is None


class TestCompose:
    """Services that compose files define."""

    pytestmark = pytest.mark.slow

    @pytest.fixture
    def project(self, beside: Beside, tmp_path: Path) -> Path:
        folder = tmp_path / "shop"
        folder.mkdir()
        service = {
            "image": IMAGE,
            "command": "sleep 1000",
            "network_mode": "host",
            "stop_signal": "SIGKILL",
            "volumes": beside.engine.lent,
            "env_file": ["vllm.env"],
        }
        (folder / "vllm.env").write_text("GIVEN=by the file\n")
        (folder / ".env").write_text("TAG=1\n")
        (folder / "docker-compose.yml").write_text(
            json.dumps({"version": "3.7", "services": {"vllm": service}}, indent=1)
        )
        return folder

    def spec(self, folder: Path, **more: str) -> dict[str, Any]:
        return {"manager": "compose", "compose": {"files": [str(folder / "docker-compose.yml")], **more}}

    def test_a_service_without_a_container_is_defined_by_its_file_alone(self, beside: Beside, project: Path) -> None:
        found = beside.service(**self.spec(project, service="vllm"))
        assert (found.state, found.running) == ("stopped", None)
        assert found.defined is not None
        assert (found.defined.manager, found.defined.name, found.defined.argv) == ("compose", "vllm", None)
        texts = [(each.kind, each.file.name, each.file.host) for each in found.defined.sources]
        assert ("compose", "docker-compose.yml", str(project / "docker-compose.yml")) == texts[-1]
        assert ("env-file", ".env", str(project / ".env")) in texts

    def test_a_service_that_no_file_names_is_absent(self, beside: Beside, project: Path) -> None:
        found = beside.service(**self.spec(project, service="sglang"))
        assert (found.state, found.defined) == ("absent", None)
        assert found.undefined == "no container of the compose service sglang (shop) was made yet"

    @pytest.mark.parametrize("more", [{"service": "vllm"}, {}, {"project": "shop", "service": "vllm"}])
    def test_its_container_is_found_by_its_labels(self, beside: Beside, project: Path, more: dict[str, str]) -> None:
        beside.engine.compose("up", "-d", cwd=project)
        found = beside.service(**self.spec(project, **more))
        assert found.state == "running"
        assert found.defined is not None and found.defined.container is not None
        assert found.defined.argv == ["sleep", "1000"]
        assert (found.defined.environment or {})["GIVEN"] == "by the file"
        assert found.defined.container.compose["service"] == "vllm"
        assert [each.kind for each in found.defined.sources][-1] == "compose"
        beside.engine.compose("kill", cwd=project)
        assert beside.service(**self.spec(project, **more)).state == "failed"

    def test_a_container_by_name_is_known_to_be_of_compose(self, beside: Beside, project: Path) -> None:
        beside.engine.compose("up", "-d", cwd=project)
        (name,) = beside.names()
        found = beside.service(**docker(name))
        assert found.defined is not None and found.defined.manager == "compose"
        assert {each.file.name for each in found.defined.sources} == {"docker-compose.yml", ".env", "vllm.env"}

    def test_another_project_with_a_service_of_that_name_is_not_it(self, beside: Beside, project: Path) -> None:
        beside.engine.compose("-p", "other", "up", "-d", cwd=project)
        assert beside.service(**self.spec(project, project="shop", service="vllm")).state == "stopped"


ENV_FILES = [
    ("services:\n  a:\n    env_file: one.env\n", ["one.env"]),
    ("    env_file: [a.env, 'b c.env']\n", ["a.env", "b c.env"]),
    (
        "    env_file:\n      - ./a.env  # why\n      - path: b.env\n        required: false\n    image: x\n",
        ["./a.env", "b.env"],
    ),
    ("    env_file:\n    # none yet\n    image: x\n", []),
    ("    env_file: ${HERE}/a.env\n", []),
    ('{"a": {\n "env_file": [\n  "a.env",\n  "b.env"\n ]}}', ["a.env", "b.env"]),
    ('{"a": {\n "env_file": "a.env",\n "image": "x"}}', ["a.env"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "files"), ENV_FILES)
def test_env_files_are_found_in_a_compose_file_without_a_parser(text: str, files: list[str]) -> None:
    assert env_files(text) == files


STAMPS = [
    ("2026-11-22T15:36:55.174136981Z", 1795361815.174137),
    ("2026-11-22T16:36:55.5+01:00", 1795361815.5),
    ("2026-11-22T10:06:55-05:30", 1795361815.0),
    ("0001-01-01T00:00:00Z", None),
    ("", None),
    ("yesterday", None),
]


@pytest.mark.parametrize(("stamp", "seconds"), STAMPS)
def test_times_of_engines(stamp: str, seconds: float | None) -> None:
    assert when(stamp) == pytest.approx(seconds)
