"""A dry-run of the whole playbook leaves everything as it was, whoever manages the service."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autoglm_fix.report.schema import result_schema
from tests.agent.definition.test_by_hand import process
from tests.hosts.containers import Engine, engine
from tests.hosts.supervisor import supervisord

from .command import autoglm_fix
from .test_every_fault import chat_model

pytestmark = pytest.mark.slow

# It is wrong, and every manager's definition could be edited for it.
WRONG = {"HF_HUB_DOWNLOAD_TIMEOUT": "60s"}
NAME = f"glm-{uuid.uuid4().hex[:8]}"


def digest(*folders: Path, passing: tuple[Path, ...] = ()) -> dict[str, object]:
    """Everything below folders but when it was read; of those ``passing``, where things come and go, not when."""
    found: dict[str, object] = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            seen = path.lstat()
            content = ""
            if stat.S_ISREG(seen.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            times = () if path in passing else (seen.st_mtime_ns, seen.st_ctime_ns)
            found[str(path)] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_ino, seen.st_nlink, content, times)
    return found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "srv" / "models" / "name"
    chat_model(folder)
    (folder / "generation_config.json").write_text('{"eos_token_id": [257, 260, 262], "max_new_tokens": 0}')
    return folder


@pytest.fixture
def program(tmp_path: Path, model: Path) -> Path:
    path = tmp_path / "srv" / "vllm"
    path.write_text(f"#!{sys.executable}\nimport os, time\ntime.sleep(float(os.environ.get('SLEEP', '0')))\n")
    path.chmod(0o755)
    return path


@contextmanager
def service(manager: str, folder: Path, program: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A service that does not answer, with its part of an inventory."""
    argv = [str(program), "serve", str(model), "--port", "9"]
    spec: dict[str, Any] = {"name": NAME, "manager": manager, "engine": "vllm", "model": str(model)}
    spec |= {"python": sys.executable, "endpoint": "http://127.0.0.1:9/v1"}
    if manager == "none":
        with process(*argv, env={**os.environ, **WRONG, "SLEEP": "1000"}):
            yield spec
    elif manager == "command":
        yield {**spec, "command": argv, "environment": WRONG}
    elif manager == "supervisor":
        variables = ",".join(f'{key}="{value}"' for key, value in WRONG.items())
        lines = f"{' '.join(argv)}\nautorestart=false\nstartsecs=0\nenvironment={variables}"
        with supervisord(folder / "supervisor", {NAME: lines}) as found:
            while "EXITED" not in found.ctl("status", NAME):
                pass
            yield spec
    else:
        with engine(folder.parent / "engine") as docker:
            monkeypatch.setenv("DOCKER_HOST", docker.environment["DOCKER_HOST"])
            docker.image("lab:1")
            volumes = [word for volume in (*docker.lent, f"{folder}:{folder}") for word in ("-v", volume)]
            variables = [word for key, value in WRONG.items() for word in ("-e", f"{key}={value}")]
            docker.docker("run", "-d", "--name", NAME, "--network", "host", *volumes, *variables, "lab:1", *argv)
            docker.ended(NAME)
            before = inspected(docker)
            yield {**spec, "container": NAME}
            assert inspected(docker) == before
            docker.docker("rm", "-f", NAME)


def inspected(docker: Engine) -> object:
    """The one container there is, in full. The engine lists its mounts as it likes."""
    (found,) = json.loads(docker.docker("inspect", NAME))
    mounts = sorted(json.dumps(mount) for mount in found.pop("Mounts"))
    return found, mounts, docker.docker("ps", "-aq").split()


@pytest.mark.parametrize("manager", ["none", "command", "supervisor", "docker"])
def test_it_leaves_none(
    tmp_path: Path, model: Path, program: Path, state_dir: Path, manager: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, passing = tmp_path / "home", tmp_path / "passing"
    home.mkdir()
    passing.mkdir()
    with service(manager, tmp_path / "srv", program, model, monkeypatch) as spec:
        hosts = tmp_path / "inventory.yml"
        declared = {"ansible_connection": "local", "service": spec}
        hosts.write_text(json.dumps({"all": {"hosts": {"localhost": declared}}}))
        before = digest(tmp_path / "srv", home, state_dir, passing, passing=(passing,))
        monkeypatch.setenv("HOME", str(home))
        said = autoglm_fix(
            *("run", "no-output", "-i", hosts, "--dry-run", "-D", "--format", "json"), TMPDIR=str(passing)
        )
        after = digest(tmp_path / "srv", home, state_dir, passing, passing=(passing,))
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()
    jsonschema.validate(said.document, result_schema())
    assert said.document["exit_code"] == said.code
    steps = said.document["hosts"]["localhost"]["steps"]
    found = {finding["code"] for step in steps for finding in step["findings"]}
    assert {"generation_config.no-room", "timeouts.no-number"} <= found, said.out
    assert any(change["kind"] == "write_file" for step in steps for change in step["changes"])
