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
        {"pid": os.getpid(), "name": name, "used": 2 << 30, "kind": "compute"},
        {"pid": 4000000, "name": "", "used": None, "kind": "compute"},
    ]
    assert found["library"] == str(driver / nvml.SONAME)


def test_each_of_several_gpus_is_told(driver: Path) -> None:
    found = snapshot(
        driver,
        NVML_DRIVER="550.54.15",
        NVML_GPUS="3",
        NVML_NAMES="NVIDIA A100;Tesla T4;NVIDIA GeForce RTX 4090",
        NVML_CAPABILITIES="8.0;7.5;8.9",
        NVML_TOTAL=f"{80 << 30};{16 << 30};{24 << 30}",
        NVML_USED="0",
        NVML_MIG="1;0;",
        NVML_MODE="0;2;0",
    )
    assert found["driver"] == "550.54.15"
    assert [(gpu["name"], gpu["capability"], gpu["total"] >> 30, gpu["mig"], gpu["mode"]) for gpu in found["gpus"]] == [
        ("NVIDIA A100", "8.0", 80, True, 0),
        ("Tesla T4", "7.5", 16, False, 2),
        ("NVIDIA GeForce RTX 4090", "8.9", 24, None, 0),
    ]


def test_a_desktop_that_holds_memory_is_told_once(driver: Path) -> None:
    (gpu,) = snapshot(driver, NVML_PIDS="4000000:5", NVML_DRAWING="4000000:5,4000001:7")["gpus"]
    assert [(each["pid"], each["kind"]) for each in gpu["processes"]] == [(4000000, "compute"), (4000001, "graphics")]


def test_a_lost_gpu_leaves_the_others(driver: Path) -> None:
    lost, other = snapshot(driver, NVML_GPUS="2", NVML_FAULT="handle@0")["gpus"]
    assert lost == {"index": 0, "problems": ["nvmlDeviceGetHandleByIndex_v2: GPU is lost"], "code": 15}
    assert other["name"] == "NVIDIA A100"


def test_a_file_beside_the_stand_in_tells_it_what_to_say(tmp_path: Path) -> None:
    driver = nvml.build(tmp_path)
    (driver / "nvml.conf").write_text("DRIVER=535.183.01\nGPUS=2\nNAMES=Tesla T4\n")
    found = snapshot(driver)
    assert found["driver"] == "535.183.01"
    assert [gpu["name"] for gpu in found["gpus"]] == ["Tesla T4", "Tesla T4"]


def test_many_processes_are_all_told(driver: Path) -> None:
    (gpu,) = snapshot(driver, NVML_PIDS=",".join(f"{pid}:1" for pid in range(4000000, 4000300)))["gpus"]
    assert len(gpu["processes"]) == 300


# An RTX 4090 as its driver has it: 24,564 MiB, of which CUDA shows 23.64 GiB to programs.
def test_what_the_driver_keeps_for_itself_is_no_memory_of_programs(driver: Path, tmp_path: Path) -> None:
    total, reserved = 24_564 << 20, 355 << 20
    said = {"NVML_TOTAL": str(total), "NVML_RESERVED": str(reserved), "NVML_USED": str(reserved + (1 << 30))}
    (gpu,) = snapshot(driver, **said)["gpus"]
    assert (gpu["total"], gpu["used"]) == (total - reserved, 1 << 30)
    assert gpu["free"] == gpu["total"] - gpu["used"]
    (older,) = snapshot(nvml.build(tmp_path, old=True), **said)["gpus"]
    assert (older["total"], older["used"]) == (total, reserved + (1 << 30))


def test_an_older_driver_tells_its_processes_too(tmp_path: Path) -> None:
    (gpu,) = snapshot(nvml.build(tmp_path, old=True), NVML_PIDS="4000000:5")["gpus"]
    assert [each["used"] for each in gpu["processes"]] == [5]


def test_what_one_gpu_refuses_leaves_the_rest(driver: Path) -> None:
    (gpu,) = snapshot(driver, NVML_FAULT="processes")["gpus"]
    assert "processes" not in gpu
    assert gpu["problems"] == ["nvmlDeviceGetComputeRunningProcesses_v3: Insufficient Permissions"]
    assert gpu["used"] == 1 << 30


def test_a_driver_that_is_not_loaded_says_so(driver: Path) -> None:
    found = snapshot(driver, NVML_FAULT="init")
    assert found == {"library": str(driver / nvml.SONAME), "problem": "nvmlInit_v2: Driver Not Loaded", "code": 9}


def test_a_library_that_is_not_the_modules_says_so(driver: Path) -> None:
    found = snapshot(driver, NVML_FAULT="init:18")
    assert (found["problem"], found["code"]) == ("nvmlInit_v2: Driver/library version mismatch", 18)


def test_no_library_is_said_with_nvmls_own_code(driver: Path) -> None:
    found = snapshot(None)
    if "driver" in found:
        pytest.skip("this machine has a driver")
    assert found == {"problem": "there is no libnvidia-ml.so.1", "code": 12}


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


_PYNVML = """
import json, pynvml
pynvml.nvmlInit()
handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
memory = [pynvml.nvmlDeviceGetMemoryInfo(each) for each in handles]
print(json.dumps({
    "driver": pynvml.nvmlSystemGetDriverVersion(),
    "names": [pynvml.nvmlDeviceGetName(each) for each in handles],
    "uuids": [pynvml.nvmlDeviceGetUUID(each) for each in handles],
    "capabilities": ["%d.%d" % pynvml.nvmlDeviceGetCudaComputeCapability(each) for each in handles],
    "memory": [[each.total, each.free, each.used] for each in memory],
    "pids": [[p.pid for p in pynvml.nvmlDeviceGetComputeRunningProcesses(each)] for each in handles],
}))
"""


def test_the_real_pynvml_reads_the_same(driver: Path) -> None:
    said = {
        "NVML_GPUS": "2",
        "NVML_NAMES": "NVIDIA L4;NVIDIA H200",
        "NVML_CAPABILITIES": "8.9;9.0",
        "NVML_TOTAL": f"{23 << 30};{139 << 30}",
        "NVML_PIDS": ";4000000:5,4000001:7",
    }
    environment = {**os.environ, **said, "LD_LIBRARY_PATH": str(driver)}
    made = subprocess.run([sys.executable, "-c", _PYNVML], env=environment, stdout=subprocess.PIPE, check=True)
    theirs, ours = json.loads(made.stdout), snapshot(driver, **said)
    gpus = ours["gpus"]
    assert theirs == {
        "driver": ours["driver"],
        "names": [gpu["name"] for gpu in gpus],
        "uuids": [gpu["uuid"] for gpu in gpus],
        "capabilities": [gpu["capability"] for gpu in gpus],
        "memory": [[gpu["total"], gpu["free"], gpu["used"]] for gpu in gpus],
        "pids": [[each["pid"] for each in gpu["processes"]] for gpu in gpus],
    }
