"""What is seen of a service from its own host: who answers, on which GPU, with which picture before it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.connect import Agent, Request
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel
from autoglm_fix.proof import Proof, baseline, judge_endpoint
from tests import models, nvml
from tests.ports import reserved
from tests.pythons import python_3_8

from .modes import MODEL, MODES
from .real import transformers_serve
from .server import serving
from .test_endpoint_proof import FRANCE, check, evidence_of, proof_of

ROOT = Path(__file__).parents[2]
ASKED = {"prompt": FRANCE, "max_new_tokens": 32, "timeout_s": 60.0, "start_timeout_s": 10.0}
VISION = {"model_type": "glm4v", "vision_config": {"hidden_size": 64}}


@contextlib.contextmanager
def another(*command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program that prints its port; the endpoint there."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        try:
            assert process.stdout is not None
            yield process, f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def once_waited_for(process: subprocess.Popen[bytes]) -> Callable[[dict[str, Any]], None]:
    """Hears what a proof tells of, and closes a program's input as soon as it is waited for."""

    def heard(event: dict[str, Any]) -> None:
        if event.get("what") == "waiting for the service" and process.stdin is not None:
            process.stdin.close()

    return heard


def by_agent(endpoint: str, *, python: str = sys.executable, require_gpu: bool = False, **environment: str) -> Proof:
    """The proof by an agent of its own, with the environment of a host that has a driver."""
    with contextlib.ExitStack() as undo:
        patch = undo.enter_context(pytest.MonkeyPatch.context())
        for name, value in environment.items():
            patch.setenv(name, value)
        agent = Agent(LocalChannel(argv(python)))
    try:
        service = {"endpoint": endpoint, "engine": "vllm", "served_model_name": MODEL}
        modules = ("autoglm_fix.agent.proof.ask",)
        reply = agent.ask(Request("ask", ASKED, service=service, modules=modules))
    finally:
        agent.close()
    return judge_endpoint(reply, service="model", require_gpu=require_gpu)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(nvml.build(tmp_path_factory.mktemp("driver")))


@pytest.mark.parametrize("python", ["this", "3.8"])
def test_an_agent_that_came_from_memory_asks_the_same(python: str) -> None:
    with serving(MODES["thinks apart"]) as server:
        proof = by_agent(server.endpoint, python=sys.executable if python == "this" else python_3_8())
    assert (proof.status, proof.code) == ("verified", None)
    assert proof.device is None
    assert check(proof, "gpu").evidence["allowed_by"] == "require_gpu: false"


@pytest.mark.parametrize("python", ["this", "3.8"])
def test_the_first_look_travels_alone(python: str) -> None:
    agent = Agent(LocalChannel(argv(sys.executable if python == "this" else python_3_8())))
    try:
        with serving(MODES["ok"]) as server:
            service = {"endpoint": server.endpoint, "model": MODEL}
            modules = ("autoglm_fix.agent.proof.baseline",)
            reply = agent.ask(Request("baseline", {"key": None}, service=service, modules=modules))
    finally:
        agent.close()
    assert baseline(reply) == ("none", True)
    assert len(server.asked) == 1


def test_without_a_driver_the_gpu_is_unproved() -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has an NVIDIA driver")
    with serving(MODES["ok"]) as server:
        proof = proof_of(server, require_gpu=True)
    assert (proof.status, proof.code) == ("unproved", "endpoint.gpu-none")
    assert [each.status for each in proof.checks] == ["pass", "pass", "unproved", "pass"]


def test_a_service_whose_process_is_on_the_gpu_is_verified(driver: str) -> None:
    with another(sys.executable, "-m", "tests.endpoint.server", "ok") as (server, endpoint):
        pids = f"1:{30 << 30},{server.pid}:{20 << 30}"
        proof = by_agent(endpoint, require_gpu=True, LD_LIBRARY_PATH=driver, NVML_PIDS=pids)
    assert (proof.status, proof.code) == ("verified", None)
    assert (proof.device, proof.gpu) == (
        "NVIDIA A100",
        {"uuid": "GPU-5a0c", "name": "NVIDIA A100", "driver": "580.95.05"},
    )
    assert check(proof, "gpu").evidence["pids"] == [server.pid]


def test_a_worker_of_the_service_counts_and_a_stranger_does_not(driver: str) -> None:
    script = (
        "import subprocess, sys; from tests.endpoint.server import main;"
        "worker = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE);"
        "open(sys.argv[2], 'w').write(str(worker.pid)); main()"
    )
    told = Path(driver) / "worker"
    with another(sys.executable, "-c", script, "ok", str(told)) as (_, endpoint):
        mine = by_agent(endpoint, require_gpu=True, LD_LIBRARY_PATH=driver, NVML_PIDS=f"{told.read_text()}:{20 << 30}")
        other = by_agent(endpoint, require_gpu=True, LD_LIBRARY_PATH=driver, NVML_PIDS=f"{os.getpid()}:{20 << 30}")
    assert mine.status == "verified"
    assert (other.status, other.code) == ("unproved", "endpoint.gpu-not-seen")


@pytest.mark.parametrize(("mode", "status"), [("no counters", "unproved"), ("ok", "verified")])
def test_a_proxy_in_between_proves_nothing_by_itself(tmp_path: Path, mode: str, status: str) -> None:
    """Only the engine's own counter, which no proxy moves, shows who answered."""
    proxy = tmp_path / "haproxy"
    proxy.symlink_to(os.path.realpath(sys.executable))
    relay = str(Path(__file__).with_name("relay.py"))
    with (
        serving(MODES[mode]) as server,
        another(str(proxy), "-I", relay, str(server.server_address[1])) as (_, endpoint),
    ):
        proof = judge_endpoint(evidence_of(endpoint), service="model", require_gpu=False)
    assert proof.status == status
    assert check(proof, "endpoint").evidence["owner"] == ["haproxy"]
    if status == "unproved":
        assert (proof.code, proof.values["proxy"]) == ("endpoint.proxy", "haproxy")


def test_behind_a_proxy_the_gpu_is_unproved(tmp_path: Path, driver: str) -> None:
    proxy = tmp_path / "haproxy"
    proxy.symlink_to(os.path.realpath(sys.executable))
    relay = str(Path(__file__).with_name("relay.py"))
    with (
        another(sys.executable, "-m", "tests.endpoint.server", "ok") as (server, real),
        another(str(proxy), "-I", relay, real.split(":")[2].partition("/")[0]) as (_, endpoint),
    ):
        proof = by_agent(endpoint, require_gpu=True, LD_LIBRARY_PATH=driver, NVML_PIDS=f"{server.pid}:{20 << 30}")
    assert proof.status == "unproved"
    assert str(proof.code) in ("endpoint.gpu-no-owner", "endpoint.gpu-not-seen")


@pytest.mark.parametrize(
    ("mode", "config", "image"),
    [
        ("sees", VISION, ("pass", None)),
        ("sees", None, ("pass", None)),
        ("looks away", VISION, ("unproved", "endpoint.image-misread")),
        ("looks away", None, ("unproved", "endpoint.image-misread")),
        ("ok", VISION, ("fail", "endpoint.image-dropped")),
        ("ok", None, None),
        ("refuses pictures", VISION, ("fail", "endpoint.image-refused")),
        ("refuses pictures", None, None),
        ("sees", {"model_type": "glm4"}, None),
    ],
)
def test_a_model_that_takes_pictures_is_shown_one(
    tmp_path: Path, mode: str, config: dict[str, Any] | None, image: tuple[str, str | None] | None
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config) if config else "")
    with serving(MODES[mode]) as server:
        evidence = evidence_of(server.endpoint, model=str(tmp_path))
    proof = judge_endpoint(evidence, service="model", require_gpu=False)
    shown = [(each.status, each.code) for each in proof.checks if each.name == "image"]
    assert shown == ([image] if image else [])
    assert (proof.status == "verified") == (image is None or image[0] == "pass")


@pytest.mark.slow
def test_a_service_that_starts_is_waited_for() -> None:
    """It listens only once somebody waits for it."""
    script = (
        "import sys; from tests.endpoint import server; from tests.endpoint.modes import MODES;"
        "sys.stdin.read(); server.FakeServer(MODES['ok'], int(sys.argv[1])).serve_forever()"
    )
    with (
        reserved() as port,
        subprocess.Popen(
            [sys.executable, "-c", script, str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
        ) as process,
    ):
        try:
            evidence = evidence_of(f"http://127.0.0.1:{port}/v1", start_timeout_s=60.0, heard=once_waited_for(process))
        finally:
            process.kill()
    assert judge_endpoint(evidence, service="model", require_gpu=False).status == "verified"
    assert process.stdin is not None and process.stdin.closed


@pytest.mark.slow
def test_a_service_that_ends_while_it_is_waited_for_fails_at_once(tmp_path: Path) -> None:
    model = str(tmp_path / "a-model")
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", model]
    with reserved() as port, subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        endpoint = f"http://127.0.0.1:{port}/v1"
        evidence = evidence_of(endpoint, model=model, start_timeout_s=1800.0, heard=once_waited_for(process))
    proof = judge_endpoint(evidence, service="model", require_gpu=False)
    assert (proof.status, proof.code, proof.symptom) == ("failed", "endpoint.ended", "crashed")


@pytest.mark.slow
def test_a_real_server_with_a_real_model(tmp_path: Path) -> None:
    model = models.smollm2()
    with transformers_serve(model, tmp_path, "cpu") as endpoint:
        service = {"engine": "transformers", "served_model_name": None, "model": str(model)}
        evidence = evidence_of(endpoint, **service, start_timeout_s=240.0, timeout_s=240.0)
    proof = judge_endpoint(evidence, service="model", require_gpu=False)
    assert (proof.status, proof.code) == ("verified", None)
    assert "Paris" in proof.text
    assert [each.status for each in proof.checks] == ["pass", "pass", "pass", "unproved"]
    assert evidence["models"]["status"] == 500
    if not Path("/proc/driver/nvidia/version").exists():
        strict = judge_endpoint(evidence, service="model", require_gpu=True)
        assert (strict.status, strict.code) == ("unproved", "endpoint.gpu-none")
