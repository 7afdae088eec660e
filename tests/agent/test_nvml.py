from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import nvml
from tests.pythons import python_3_8

ROOT = Path(__file__).parents[2]
SNAPSHOT = "import json; from autoglm_fix.agent import nvml; print(json.dumps(nvml.snapshot(timeout_s={timeout})))"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("driver"))


def snapshot(driver: Path | None, *, python: str = sys.executable, timeout: float = 10, **said: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **said}
    environment.pop("LD_LIBRARY_PATH", None)
    if driver:
        environment["LD_LIBRARY_PATH"] = str(driver)
    code = SNAPSHOT.format(timeout=timeout)
    made = subprocess.run([python, "-c", code], env=environment, stdout=subprocess.PIPE, check=True, timeout=60)
    return dict(json.loads(made.stdout))


def test_a_gpu_is_told_with_its_memory_and_its_processes(driver: Path) -> None:
    found = snapshot(driver, NVML_USED=str(3 << 30), NVML_PIDS=f"{os.getpid()}:{2 << 30},4000000:-1")
    assert found["driver"] == "580.95.05"
    (gpu,) = found["gpus"]
    assert (gpu["uuid"], gpu["name"], gpu["problems"]) == ("GPU-5a0c", "NVIDIA A100", [])
    assert (gpu["total"], gpu["used"], gpu["free"]) == (80 << 30, 3 << 30, 77 << 30)
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert gpu["processes"] == [
        {"pid": os.getpid(), "name": name, "used": 2 << 30},
        {"pid": 4000000, "name": "", "used": None},
    ]


def test_many_processes_are_all_told(driver: Path) -> None:
    (gpu,) = snapshot(driver, NVML_PIDS=",".join(f"{pid}:1" for pid in range(4000000, 4000300)))["gpus"]
    assert len(gpu["processes"]) == 300


def test_an_older_driver_tells_its_processes_too(tmp_path: Path) -> None:
    (gpu,) = snapshot(nvml.build(tmp_path, old=True), NVML_PIDS="4000000:5")["gpus"]
    assert [each["used"] for each in gpu["processes"]] == [5]


def test_what_one_gpu_refuses_leaves_the_rest(driver: Path) -> None:
    (gpu,) = snapshot(driver, NVML_FAULT="processes")["gpus"]
    assert "processes" not in gpu
    assert gpu["problems"] == ["nvmlDeviceGetComputeRunningProcesses_v3: Insufficient Permissions"]
    assert gpu["used"] == 1 << 30


def test_a_driver_that_is_not_loaded_says_so(driver: Path) -> None:
    assert snapshot(driver, NVML_FAULT="init") == {"problem": "nvmlInit_v2: Driver Not Loaded"}


def test_a_driver_that_never_answers_is_left_alone(driver: Path) -> None:
    assert snapshot(driver, timeout=0.5, NVML_FAULT="hang") == {"problem": "the driver does not answer"}


@pytest.mark.gpu
def test_a_real_driver_tells_its_gpus() -> None:
    found = snapshot(None)
    if "problem" in found:
        pytest.skip(f"no NVIDIA GPU here: {found['problem']}")
    assert all(gpu["uuid"].startswith("GPU-") and gpu["total"] > 0 for gpu in found["gpus"])


def test_it_runs_on_the_oldest_python(driver: Path) -> None:
    assert snapshot(driver, python=python_3_8())["gpus"][0]["total"] == 80 << 30
