"""Secrets of services: in no output, record or report, whatever they stand in and whoever repeats them."""

from __future__ import annotations

import json
import os
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.definition.test_by_hand import process
from tests.hosts.containers import engine
from tests.hosts.supervisor import Supervisor, supervisord

from .command import Said, autoglm_fix
from .test_every_fault import chat_model

pytestmark = pytest.mark.slow

# In all of them; where each stands is in the rest of it. None looks like a secret by itself.
SECRETS = ("zebra", "spaced")
# What it prints, as engines do.
PROGRAM = """\
import os, sys, time
print("vLLM API server version 0.12.0, args:", sys.argv)
print("non-default args: {'api_key': ['zebra-logged'], 'headers': {'Authorization': 'Bearer zebra-logged'}}")
print("OSError: HF_TOKEN=zebra-logged for https://me:zebra-logged@host/ [Errno 28] No space left on device", flush=True)
ends = time.monotonic() + float(os.environ.get("BUSY", "0"))
while time.monotonic() < ends:
    open("/dev/null", "wb").write(bytes(1 << 20))  # one that does nothing is watched for longer
    time.sleep(0.2)
sys.exit(3)
"""
VARIABLES = {
    "HF_TOKEN": "zebra-variable",
    "HTTPS_PROXY": "http://me:zebra-proxy@127.0.0.1:9",
    "PIP_INDEX_URL": "https://me:zebra-index@127.0.0.1:9/simple",
    "DB_PASSWORD": "zebra spaced",
    # What is wrong, and is mended beside all these.
    "HF_HUB_DOWNLOAD_TIMEOUT": "60s",
}
ENDPOINT = "http://127.0.0.1:9/v1"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    chat_model(tmp_path / "models" / "name")
    return tmp_path / "models" / "name"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "vllm"
    path.write_text(f"#!{sys.executable}\n{PROGRAM}")
    path.chmod(0o755)
    return path


def inventory(folder: Path, **service: Any) -> Path:
    path = folder / "inventory.yml"
    declared = {"engine": "vllm", "python": sys.executable, "endpoint": ENDPOINT, **service}
    hosts = {"localhost": {"ansible_connection": "local", "service": declared}}
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    return path


def run(hosts: Path, *more: str | Path) -> list[str | Path]:
    asked = ["run", "no-output", "-i", hosts, "-t", "timeouts,service", "-e", "require_gpu=false"]
    return [*asked, "-e", "package_index=https://me:zebra-asked@127.0.0.1:9/simple", *more]


def every_output(hosts: Path, folder: Path, *more: str) -> Iterator[tuple[str, str]]:
    """What all ways to ask say, with a name each."""
    yield "dry", told(autoglm_fix(*run(hosts, "--dry-run", "-D", "-vv")))
    yield "json", told(autoglm_fix(*run(hosts, "--dry-run", "--format", "json")))
    reports = ("--html", folder / "r.html", "--junit", folder / "r.xml", "--lang", "zh", *more)
    yield "jsonl", told(autoglm_fix(*run(hosts, "-D", "-vv", "--format", "jsonl", *reports)))
    for name in ("r.html", "r.xml"):
        yield name, (folder / name).read_text()
    for command in ("show", "report", "history", "discover"):
        newest = sorted(os.listdir(records()))[-1:] if command in ("show", "report") else []
        yield command, told(autoglm_fix(command, *newest))
    yield "", told(autoglm_fix())
    for path in records().rglob("*.json"):
        yield path.name, path.read_text()


def told(said: Said) -> str:
    assert said.code in (0, 2), said.out + said.err
    return said.out + said.err


def records() -> Path:
    return Path(os.environ["AUTOGLM_FIX_STATE_DIR"]) / "records"


def shows_none(outputs: Iterator[tuple[str, str]], *wanted: str) -> None:
    """No secret is in any output; what is told instead is."""
    texts = dict(outputs)
    assert len(texts) > 9
    for name, text in texts.items():
        for secret in SECRETS:
            assert secret not in text, (name, text[text.index(secret) - 200 : text.index(secret) + 50])
    for text in wanted:
        assert any(text in each for each in texts.values()), (text, texts["dry"])


def is_closed(folder: Path) -> None:
    """What may hold an original is for its owner alone."""
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        hidden = any(stat.S_IMODE(above.stat().st_mode) & 0o077 == 0 for above in path.parents if above != folder)
        assert hidden or path.is_dir() or stat.S_IMODE(mode) & 0o077 == 0, path


def test_of_a_program_of_supervisor(tmp_path: Path, model: Path, program: Path, state_dir: Path) -> None:
    name = f"glm-{uuid.uuid4().hex[:8]}"
    variables = ",".join(f'{key}="{value}"' for key, value in VARIABLES.items())
    command = f"{program} serve {model} --api-key zebra-argument"
    more = f"autorestart=false\nstartsecs=0\nenvironment={variables}"
    with supervisord(tmp_path / "supervisor", {name: f"{command}\n{more}"}) as found:
        ended(found, name)
        hosts = inventory(tmp_path, name=name, manager="supervisor", model=str(model))
        outputs = every_output(hosts, tmp_path)
        shows_none(
            outputs,
            "--api-key ***",
            "HF_TOKEN=***",
            "http://me:***@",
            "'api_key': ***",
            "No space left",
            "package_index=https://me:***@127.0.0.1:9/simple",
        )
    is_closed(state_dir)


def ended(found: Supervisor, name: str) -> None:
    while "EXITED" not in found.ctl("status", name):
        pass


def test_of_a_process_that_nobody_manages(tmp_path: Path, model: Path, program: Path, state_dir: Path) -> None:
    variables = {**os.environ, **VARIABLES, "BUSY": "1000"}
    with process(str(program), "serve", str(model), "--api-key", "zebra-argument", env=variables):
        hosts = inventory(
            tmp_path, name="glm", manager="none", model=str(model), environment={"HF_TOKEN": "zebra-variable"}
        )
        outputs = every_output(hosts, tmp_path, "--no-verify")
        shows_none(outputs, '--api-key "$API_KEY"', 'HF_TOKEN="$HF_TOKEN"')
    is_closed(state_dir)


COMPOSE = """\
version: "3.7"
services:
  vllm:
    image: lab:1
    network_mode: host
    environment:
      HF_TOKEN: zebra-variable
      HTTPS_PROXY: http://me:zebra-proxy@127.0.0.1:9
      DB_PASSWORD: "zebra spaced"
      HF_HUB_DOWNLOAD_TIMEOUT: 60s
    env_file: [secret.env]
    volumes: {volumes}
    command:
      - {program}
      - serve
      - {model}
      - --api-key
      - zebra-argument
"""


@pytest.mark.parametrize("manager", ["compose", "docker"])
def test_of_a_container(
    tmp_path: Path, model: Path, program: Path, state_dir: Path, manager: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(tmp_path / "engine") as docker:
        monkeypatch.setenv("DOCKER_HOST", docker.environment["DOCKER_HOST"])
        docker.image("lab:1", BAKED_TOKEN="zebra-logged")
        volumes = [*docker.lent, f"{tmp_path}:{tmp_path}:ro"]
        if manager == "compose":
            (tmp_path / "secret.env").write_text("PIP_INDEX_URL=https://me:zebra-index@127.0.0.1:9/simple\n")
            text = COMPOSE.format(volumes=json.dumps(volumes), program=program, model=model)
            (tmp_path / "docker-compose.yml").write_text(text)
            docker.compose("up", "-d", cwd=tmp_path)
            spec: dict[str, Any] = {"compose": {"files": [str(tmp_path / "docker-compose.yml")], "service": "vllm"}}
        else:
            options = [word for volume in volumes for word in ("-v", volume)]
            options += [word for key, value in VARIABLES.items() for word in ("-e", f"{key}={value}")]
            command = (program, "serve", model, "--api-key", "zebra-argument")
            docker.docker("run", "-d", "--name", "glm", "--network", "host", *options, "lab:1", *command)
            spec = {"container": "glm"}
        hosts = inventory(tmp_path, name="glm", manager=manager, model=str(model), **spec)
        outputs = every_output(hosts, tmp_path, "--no-verify", "--allow", "recreate")
        shows_none(outputs, "--api-key", "HF_TOKEN", "No space left")
        if manager == "docker":
            docker.docker("rm", "-f", "glm")
        else:
            docker.compose("down", "-t", "0", cwd=tmp_path)
    is_closed(state_dir)
