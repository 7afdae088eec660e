"""A service that compose runs, repaired by one command: its model's files and a limit in its file; then undone."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Said
from tests.cli.test_every_fault import chat_model
from tests.endpoint.modes import MODEL
from tests.hosts.containers import Engine, engine

from .lab import NO_ROOM, ROOT, changes, proof, result

pytestmark = pytest.mark.slow

PORT = 8131
# What the tool makes of it is a matter of its text: the container's first process is deaf to a polite end.
FILE = """\
# how the phone's model is served
services:
  vllm:
    image: lab/model:1   # do not upgrade
    network_mode: host
    stop_signal: SIGKILL
    volumes:
{volumes}
      - {models}:/models
    environment:
      PYTHONPATH: {root}
      HF_HUB_ETAG_TIMEOUT: soon   # not a number
    command: /usr/bin/python3 -m tests.services.fake {port} /models/name   # the port
"""


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with engine(tmp_path_factory.mktemp("podman") / "engine", kind="podman") as found:
        found.image("lab/model:1")
        yield found


def autoglm_fix(podman: Engine, folder: Path, *arguments: str) -> Said:
    environment = {
        **os.environ,
        **podman.environment,
        "PYTHONPATH": str(ROOT),
        "AUTOGLM_FIX_STATE_DIR": str(folder / "state"),
        "DOCKER_CONFIG": str(podman.folder / "client"),
    }
    argv = [sys.executable, "-m", "autoglm_fix", *arguments]
    done = subprocess.run(
        argv, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def variables(podman: Engine) -> str:
    """What its container was made with."""
    return podman.docker("inspect", "--format", "{{.Config.Env}}", *podman.docker("ps", "-q").split())


def test_files_and_launch_are_mended_in_one_start_with_comments_kept_and_all_comes_back(
    podman: Engine, tmp_path: Path
) -> None:
    settings = chat_model(tmp_path / "models" / "name") / "generation_config.json"
    settings.write_text(NO_ROOM)
    project = tmp_path / "shop"
    project.mkdir()
    file = project / "compose.yml"
    volumes = "\n".join(f"      - {volume}" for volume in podman.lent)
    file.write_text(FILE.format(volumes=volumes, models=tmp_path / "models", root=ROOT, port=PORT))
    before = file.read_text()
    podman.compose("-f", file, "up", "-d", cwd=project)
    spec = {
        "name": "autoglm",
        "manager": "compose",
        "compose": {"files": [str(file)], "service": "vllm"},
        "engine": "vllm",
        "model": "/models/name",
        "python": "/usr/bin/python3",
        "served_model_name": MODEL,
        "endpoint": f"http://127.0.0.1:{PORT}/v1",
    }
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(json.dumps({"all": {"hosts": {"localhost": {"ansible_connection": "local", "services": [spec]}}}}))
    asked = ("run", "no-output", "-i", str(hosts), "-t", "generation,timeouts,service", "-e", "require_gpu=false")
    try:
        run = autoglm_fix(podman, tmp_path, *asked, "--format", "json")
        assert (run.code, result(run)["status"], proof(run)) == (0, "verified", "verified"), run.out
        assert [kind for _, kind, made in changes(run) if made] == ["write_file", "write_file", "restart"]
        assert "TIMEOUT=soon" not in variables(podman)
        assert json.loads(settings.read_text()).get("max_new_tokens") != 0
        compared = difflib.ndiff(before.splitlines(), file.read_text().splitlines())
        differs = [line for line in compared if line[0] in "+-"]
        assert [line[0] for line in differs] == ["-", "+"]
        assert differs[1].endswith("   # not a number") and "soon" not in differs[1]
        again = autoglm_fix(podman, tmp_path, *asked, "--format", "json")
        assert (again.code, changes(again)) == (0, [])
        assert autoglm_fix(podman, tmp_path, "undo", "--yes").code == 0
        assert (file.read_text(), settings.read_text()) == (before, NO_ROOM)
        assert "TIMEOUT=soon" in variables(podman)
    finally:
        podman.compose("-f", file, "down", "-t", "0", cwd=project, check=False)
