"""``discover`` on this machine, with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.cli.discover import words_of_next
from autoglm_fix.connect.route import Credentials
from tests import models, nvml, shards
from tests.hosts.servers import transformers_serve
from tests.ports import reserved

from .command import Said, autoglm_fix
from .test_repair import tree

SERVER = """\
import socket, sys, time
served = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])))
time.sleep(600)
"""
HOLDS = """\
import mmap, sys, time
with open(sys.argv[1], "rb") as opened:
    held = mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ)
print("held", flush=True)
time.sleep(600)
if False:
    from transformers import AutoModel
"""


@contextlib.contextmanager
def runs(*argv: str | Path, cwd: Path, **environment: str) -> Iterator[int]:
    """A process until the context ends."""
    with subprocess.Popen(
        [str(each) for each in argv],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def listening(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline


def found(said: Said) -> list[dict[str, Any]]:
    assert said.code == 0, said.err
    (host,) = said.document["hosts"]
    assert host["host"] == "localhost"
    services: list[dict[str, Any]] = host["services"]
    return services


@contextlib.contextmanager
def holding(file: Path, cwd: Path) -> Iterator[int]:
    """A program of one's own that has a file mapped."""
    (cwd / "own.py").write_text(HOLDS)
    with subprocess.Popen([sys.executable, "own.py", file], cwd=cwd, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"held\n"
            yield process.pid
        finally:
            process.kill()


def of_model(said: Said, model: str) -> dict[str, Any]:
    (each,) = (each for each in found(said) if each["service"].get("model") == model)
    return each


def test_a_server_is_found_by_its_command_with_its_python_port_and_names(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{SERVER}")
    program.chmod(0o755)
    argv = [program, "serve", "/m/of-this-test", "--served-model-name", "phone", "--api-key", "sk-sososecret", "--port"]
    with reserved() as port, runs(*argv, str(port), cwd=tmp_path, HF_HOME="/data/hf"):
        listening(port)
        said = autoglm_fix("discover", "--format", "json")
    each = of_model(said, "/m/of-this-test")
    assert each["service"] == {
        "name": "phone",
        "engine": "vllm",
        "user": each["service"]["user"],
        "working_dir": str(tmp_path),
        "environment": each["service"]["environment"],
        "python": sys.executable,
        "model": "/m/of-this-test",
        "served_model_name": "phone",
        "endpoint": f"http://127.0.0.1:{port}/v1",
        "api_key": {"env": "VLLM_API_KEY"},
    }
    assert each["service"]["environment"]["HF_HOME"] == "/data/hf"
    assert (each["state"], [why["code"] for why in each["why"]]) == ("by-hand", ["discover.by-command"])
    assert "sk-sososecret" not in said.out + said.err


def test_a_program_of_ones_own_is_found_by_the_weights_that_it_has_mapped(tmp_path: Path) -> None:
    model = shards.model(tmp_path / "models" / "name")
    weights = model / shards.shard_name(1)
    with holding(weights, tmp_path):
        before = tree(tmp_path)
        said = autoglm_fix("discover", "--format", "json")
    each = of_model(said, str(model))["service"]
    assert (each["manager"], each["command"]) == ("command", [sys.executable, "own.py", str(weights)])
    assert (each["engine"], each["python"], each["working_dir"]) == ("transformers", sys.executable, str(tmp_path))
    assert "endpoint" not in each
    assert tree(tmp_path) == before


def test_weights_in_a_hubs_cache_give_the_models_id_on_that_hub(tmp_path: Path) -> None:
    snapshot = shards.hub_cache(tmp_path / "hub", shards.model(tmp_path / "model"), "org/of-this-test")
    with holding(snapshot / shards.shard_name(1), tmp_path):
        said = autoglm_fix("discover", "--format", "json")
    assert of_model(said, "org/of-this-test")["service"]["name"] == "of-this-test"


def test_who_computes_on_a_gpu_is_found_though_nobody_knows_the_model(tmp_path: Path) -> None:
    driver = nvml.build(tmp_path / "driver")
    with runs(sys.executable, "-c", "import time; time.sleep(600)", cwd=tmp_path) as pid:
        said = autoglm_fix(
            *("discover", "--format", "json"), LD_LIBRARY_PATH=str(driver), NVML_PIDS=f"{pid}:{3 << 30}", LANG="C"
        )
    (each,) = (each for each in found(said) if each["service"].get("working_dir") == str(tmp_path))
    assert [why["text"] for why in each["why"]] == ["it holds 3.0 GiB of GPU memory"]
    assert [remark["code"] for remark in each["remarks"]] == ["discover.no-model"]


@pytest.mark.slow
def test_a_driver_that_hangs_keeps_nothing_else_from_being_found(tmp_path: Path) -> None:
    driver = nvml.build(tmp_path / "driver")
    model = shards.model(tmp_path / "models" / "name")
    with holding(model / shards.shard_name(1), tmp_path):
        said = autoglm_fix("discover", "--format", "json", LD_LIBRARY_PATH=str(driver), NVML_FAULT="hang")
    assert of_model(said, str(model))
    assert said.document["hosts"][0]["unseen"][0] == "GPUs: the driver does not answer"


@pytest.mark.parametrize(
    ("given_to", "expected"),
    [
        ([Credentials()], ["-b", "-K"]),
        ([Credentials(become_password="typed")], ["-b", "-K"]),
        ([Credentials(become_password="typed"), Credentials("of-a-vault", "typed")], ["-i", "hosts.ini", "-b", "-K"]),
    ],
    ids=["none", "typed", "of an inventory"],
)
def test_the_next_command_takes_passwords_whence_they_came(given_to: list[Credentials], expected: list[str]) -> None:
    typed = Credentials(become_password="typed")
    assert words_of_next(["hosts.ini"], ["-b", "-K"], given_to, typed=typed) == expected


def test_the_inventory_is_written_once_and_is_one_that_run_takes(tmp_path: Path, state_dir: Path) -> None:
    model = shards.model(tmp_path / "models" / "name")
    with holding(model / shards.shard_name(1), tmp_path):
        said = autoglm_fix("discover", "-o", "inventory.yml", cwd=tmp_path)
    assert said.code == 0 and "autoglm-fix run no-output -i inventory.yml --dry-run" in said.out
    written = (tmp_path / "inventory.yml").read_text()
    listed = autoglm_fix("inventory", "-i", "inventory.yml", "--host", "localhost", cwd=tmp_path)
    services = {each.get("model"): each["name"] for each in json.loads(listed.out)["services"]}
    run = [
        *("run", "no-output", "-i", "inventory.yml", "--dry-run", "--no-verify"),
        *("--service", services[str(model)], "--tags", "weights", "--format", "json"),
    ]
    assert autoglm_fix(*run, cwd=tmp_path).document["hosts"]["localhost"]["services"]
    again = autoglm_fix("discover", "-o", "inventory.yml", cwd=tmp_path)
    assert again.code == 4 and "is not overwritten" in again.err
    assert (tmp_path / "inventory.yml").read_text() == written
    assert list(state_dir.iterdir()) == []


@pytest.mark.slow
def test_transformers_serve_is_found_as_it_runs(tmp_path: Path) -> None:
    model = models.smollm2()
    with transformers_serve(model, tmp_path) as server:
        said = autoglm_fix("discover", "--format", "yaml")
    services = yaml.safe_load(said.out)["all"]["hosts"]["localhost"]["services"]
    (each,) = (each for each in services if each.get("endpoint") == f"{server.url}/v1")
    assert (each["engine"], each["model"], each["python"]) == ("transformers", str(model), sys.executable)


def test_a_checkout_of_the_client_is_found_with_whom_it_asks(tmp_path: Path) -> None:
    checkout = tmp_path / "projects" / "Open-AutoGLM"
    (checkout / "phone_agent").mkdir(parents=True)
    (checkout / "main.py").write_text('x = os.getenv("PHONE_AGENT_BASE_URL", "http://localhost:8000/v1")\n')
    (checkout / ".env").write_text('export PHONE_AGENT_MODEL="mine"\nPHONE_AGENT_API_KEY=sk-sososecret\n')
    with reserved() as port:
        url = f"http://127.0.0.1:{port}/v1"
        said = autoglm_fix("discover", "--search", tmp_path, PHONE_AGENT_BASE_URL=url, LANG="C")
    assert f"Open-AutoGLM in {checkout} asks {url} for mine (set by environment)" in said.out
    assert f"Nothing that was found answers at {url}." in said.out
    assert "sk-sososecret" not in said.out


def test_the_sentences_are_in_the_readers_language(tmp_path: Path) -> None:
    said = autoglm_fix("discover", "--lang", "zh", "--search", tmp_path)
    assert said.code == 0 and "localhost 上" in said.out


def test_several_hosts_keep_their_names_and_how_they_are_reached(tmp_path: Path) -> None:
    given = tmp_path / "hosts.yml"
    given.write_text(
        "all:\n  vars: {ansible_connection: local, ansible_password: sososecret}\n"
        "  hosts:\n    a: {}\n    b: {}\n    c: {}\n"
    )
    said = autoglm_fix("discover", "-i", given, "--limit", "a:b", "--format", "yaml", "--search", tmp_path)
    hosts = yaml.safe_load(said.out)["all"]["hosts"]
    assert (said.code, list(hosts)) == (0, ["a", "b"])
    assert all(host["ansible_connection"] == "local" for host in hosts.values())
    assert "sososecret" not in said.out


def test_a_host_that_cannot_be_looked_at_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    given = tmp_path / "hosts.yml"
    given.write_text(
        "all:\n  vars: {ansible_connection: local}\n"
        "  hosts:\n    a: {}\n    b: {ansible_python_interpreter: /nowhere/python3}\n"
    )
    said = autoglm_fix("discover", "-i", given, "--format", "json", "--search", tmp_path)
    assert (said.code, [each["host"] for each in said.document["hosts"]]) == (2, ["a"])
    assert "b could not be looked at: there is no program /nowhere/python3 on b" in said.err


@pytest.mark.parametrize(
    "wrong",
    [["-i", "nowhere.yml"], ["--limit", "nobody"], ["--format", "xml"], ["-o", "/nowhere/inventory.yml"], ["more"]],
)
def test_wrong_usage_touches_nothing(wrong: list[str], tmp_path: Path) -> None:
    said = autoglm_fix("discover", *wrong, "--search", tmp_path)
    assert said.code == 4 and said.err and not said.out
