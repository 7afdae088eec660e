"""What is wrong below the engine: drivers, libraries, devices, packages. Each ends in its own finding, with advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .gpu_host import DRIVER, SPEC, GpuHost, gpu_host
from .lab import changes, proof, result, step
from .test_gpu_hosts import cause, codes, statuses

pytestmark = pytest.mark.slow

# Time for one look, also of a busy machine: NVML and libcuda are waited for ten seconds at most, both at once.
DEADLINE_S = 120
JSON = ("--format", "json")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    with gpu_host(tmp_path_factory.mktemp("gpus")) as gpu:
        yield gpu


@pytest.fixture
def gpu(lab: GpuHost) -> GpuHost:
    lab.as_new()
    lab.cards(TOTAL=48 << 30)
    return lab


def upgraded(gpu: GpuHost) -> None:
    gpu.module("570.124.06")
    gpu.cards(TOTAL=48 << 30, FAULT="init:18")
    gpu.cuda(INIT=803, DRIVER=13000)


def without_fabric(gpu: GpuHost) -> None:
    gpu.cuda(INIT=802, DRIVER=13000)


def closed(gpu: GpuHost) -> None:
    gpu.nodes(1, 0o600)
    gpu.cuda(INIT=100, DRIVER=13000)


def of_a_group(gpu: GpuHost) -> None:
    closed(gpu)
    gpu.host.run("sh", "-c", "chgrp video /dev/nvidia* && chmod 660 /dev/nvidia*")


def without_libcuda(gpu: GpuHost) -> None:
    gpu.libraries("libnvidia-ml")


def wedged(gpu: GpuHost) -> None:
    gpu.cards(FAULT="hang")


def wedged_below_libcuda(gpu: GpuHost) -> None:
    gpu.cuda(HANGS=1, DRIVER=13000)


def hidden(gpu: GpuHost) -> None:
    gpu.define(variables='CUDA_VISIBLE_DEVICES=""\n')
    gpu.cuda(INIT=100, DRIVER=13000)


def absent(gpu: GpuHost) -> None:
    gpu.libraries()
    gpu.module(None)
    gpu.bus(0)
    gpu.nodes(0)


FAULTS: dict[Callable[[GpuHost], None], tuple[str, str]] = {
    upgraded: ("cuda.mismatch", "Reboot"),
    without_fabric: ("cuda.not-ready", f"driver's own version {DRIVER}"),
    closed: ("cuda.nodes-closed", "NVreg_DeviceFileMode=0666"),
    of_a_group: ("cuda.no-permission", "usermod -aG video autoglm"),
    without_libcuda: ("cuda.no-libcuda", "libnvidia-compute"),
    wedged: ("cuda.wedged", "only a reboot helps"),
    hidden: ("cuda.hidden", "Take the variable out"),
    absent: ("cuda.gpu-needed", "an engine for the CPU"),
}
# The stand-in for vLLM would hang with the driver.
NOT_STARTED = (wedged, wedged_below_libcuda)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_of_the_driver_is_the_cause_with_what_to_do(gpu: GpuHost, fault: Callable[[GpuHost], None]) -> None:
    code, advice = FAULTS[fault]
    fault(gpu)
    if fault not in NOT_STARTED:
        gpu.start()
        assert gpu.shown("ActiveState") == "failed"
    before = gpu.host.written()
    said, told = gpu.looks(JSON, ())
    assert (said.code, result(said)["status"], cause(said)) == (2, "unfixed", code), said.out
    (found,) = [each for each in step(said, "cuda")["findings"] if each["code"] == code]
    assert advice in found["advice"]
    # Nothing that the service runs on would change by a start: none is planned, and nothing is green.
    assert changes(said) == []
    assert "healthy" not in (statuses(said)["cuda"], statuses(said)["service"])
    assert result(said)["duration_s"] < DEADLINE_S
    assert told.out.partition("\n\nlocalhost: ")[2].count(f"({code})") == 1
    assert {path for path, mark in gpu.host.written().items() if before.get(path) != mark} <= {"/root/inventory.yml"}


def test_a_libcuda_that_hangs_is_said_to_while_the_driver_answers(gpu: GpuHost) -> None:
    wedged_below_libcuda(gpu)
    said = gpu.look()
    assert "cuda.libcuda-silent" in codes(said, "error", "warning")
    assert result(said)["duration_s"] < DEADLINE_S


def test_a_machine_without_a_gpu_raises_no_false_alarm_and_proves_nothing(gpu: GpuHost) -> None:
    absent(gpu)
    spec = {key: SPEC[key] for key in ("name", "python", "model")} | {"engine": "transformers"}
    said = gpu.repair("-t", "cuda,vram,service", spec=spec)
    assert codes(said, "error", "warning") == set()
    assert {each["code"] for each in step(said, "cuda")["findings"]} == {"cuda.no-gpu"}
    assert (said.code, proof(said)) != (0, "verified")


def test_a_build_for_a_newer_driver_is_named_and_refused_honestly_without_an_index(gpu: GpuHost) -> None:
    gpu.machine(version="550.54.15", TOTAL=48 << 30)
    gpu.install("torch", "2.9.0+cu130")
    *looks, told = gpu.looks((*JSON, "-e", "wheels=index"), (*JSON, "-e", "wheels=controller"), ())
    for said in looks:
        assert (said.code, result(said)["status"], cause(said)) == (2, "unfixed", "cuda.driver-too-old")
        found = step(said, "cuda")
        driver = next(each for each in found["findings"] if each["code"] == "cuda.driver-too-old")
        assert "torch 2.9.0+cu130" in driver["summary"] and "550.54.15" in driver["summary"]
        assert {each["code"] for each in found["declined"]} == {"pin_versions.no-index"}
        assert changes(said) == []
    assert "-e package_index=URL -e wheels=controller" in told.out
    assert max(map(len, told.out.splitlines())) < 400


def test_a_driver_of_the_same_major_version_is_enough(gpu: GpuHost) -> None:
    gpu.machine(version="550.54.15", TOTAL=48 << 30)
    gpu.start()
    said = gpu.look()
    assert (said.code, codes(said, "error", "warning")) == (0, set())
    assert "cuda.minor-version" in codes(said, "info")


def test_a_transformers_that_metadata_admits_and_that_breaks_vllm_is_the_cause(gpu: GpuHost) -> None:
    gpu.install("vllm", "0.11.0", "transformers>=4.55.2", "torch==2.8.0")
    for name, version, *requires in (
        ("torch", "2.8.0"),
        ("torchvision", "0.23.0", "torch==2.8.0"),
        ("torchaudio", "2.8.0", "torch==2.8.0"),
        ("transformers", "5.2.0", "tokenizers<=0.23.0,>=0.22.0", "huggingface-hub<2.0,>=1.3.0"),
        ("huggingface-hub", "1.6.0"),
    ):
        gpu.install(name, version, *requires)
    said = gpu.look()
    assert (said.code, cause(said), codes(said)) == (2, "dependencies.breaks", {"dependencies.breaks", "service.down"})
    assert {each["code"] for each in step(said, "dependencies")["declined"]} == {"pin_versions.no-index"}


def test_what_open_autoglm_prescribes_is_a_warning(gpu: GpuHost) -> None:
    gpu.install("transformers", "5.0.0rc0", "tokenizers<=0.23.0,>=0.22.0", "huggingface-hub<2.0,>=1.2.1")
    gpu.install("huggingface-hub", "1.6.0")
    gpu.start()
    said = gpu.look()
    assert (said.code, codes(said), codes(said, "warning")) == (0, set(), {"dependencies.prescribed-conflict"})
    assert changes(said) == []
