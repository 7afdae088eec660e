from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent import libcuda
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.gpus import Gpus, Holder
from tests import nvml
from tests.pythons import python_3_8

ROOT = Path(__file__).parents[3]
# What the service fact finds is told in `running`; None: it cannot tell.
COLLECT = """
import json, sys
from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.gpus import Gpus
from autoglm_fix.agent.facts.service import Container, Definition, Running, Service
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.unknown import CannotTell

asked = json.loads(sys.argv[1])

def collect(cls, ctx):
    if asked["running"] is None:
        raise CannotTell("nobody knows")
    contained = Definition("docker", "x", container=Container("", "x", "")) if asked["contained"] else None
    return Service("model", "none", "running", contained, running=Running(**asked["running"]))

Service.collect = classmethod(collect)
print(json.dumps(plain(Gpus.collect(Context(service=ServiceSpec(**asked["service"]))))))
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Open to every user: the service's may be another one."""
    folder = tmp_path_factory.mktemp("driver")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o755)
    nvml.build(folder)
    return nvml.build_cuda(folder, version="580.95.05")


def collect(
    library: Path | None = None,
    *,
    running: dict[str, Any] | None = None,
    service: dict[str, Any] | None = None,
    contained: bool = False,
    python: str = sys.executable,
    before: tuple[str, ...] = (),
    **said: str,
) -> dict[str, Any]:
    """The fact on a host with that driver; ``service`` as in an inventory, ``before`` is put before the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **said}
    environment.pop("LD_LIBRARY_PATH", None)
    spec = {"user": "root" if os.geteuid() == 0 else None, **(service or {})}
    if library:
        environment["LD_LIBRARY_PATH"] = str(library)
        spec["environment"] = {"LD_LIBRARY_PATH": str(library), **spec.get("environment", {})}
    asked = json.dumps({"running": running, "contained": contained, "service": spec})
    command = [*before, python, "-c", COLLECT, asked]
    made = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=60)
    return dict(json.loads(made.stdout))


def test_a_driver_tells_its_gpus_and_who_holds_them(driver: Path) -> None:
    me = os.getpid()
    found = collect(
        driver, running={"pid": me, "pids": [me]}, NVML_PIDS=f"{me}:{2 << 30}", NVML_DRAWING=f"{os.getppid()}:5"
    )
    assert (found["driver"], found["nvml"], found["problem"]) == ("580.95.05", None, "")
    (gpu,) = found["gpus"]
    assert (gpu["name"], gpu["capability"], gpu["total"], gpu["code"]) == ("NVIDIA A100", "8.0", 80 << 30, None)
    ours, theirs = (Holder(**each) for each in gpu["holders"])
    assert (ours.pid, ours.service, ours.dead, ours.used, ours.kind) == (me, True, False, 2 << 30, "compute")
    assert (theirs.service, theirs.dead, theirs.kind) == (False, False, "graphics")
    assert ours.user == Path(f"/proc/{me}").owner()


@pytest.mark.skipif(
    os.readlink("/proc/self/ns/pid") != "pid:[4026531836]", reason="other hosts' process ids are hidden"
)
def test_a_holder_that_nobody_knows_any_more_is_dead(driver: Path) -> None:
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    (gpu,) = collect(driver, NVML_PIDS=f"4000000:5,{zombie.pid}:5,{os.getpid()}:5")["gpus"]
    zombie.wait()
    assert [each["dead"] for each in gpu["holders"]] == [True, True, False]
    assert not any(each["service"] for each in gpu["holders"])


def test_libcuda_is_met_with_the_services_environment(driver: Path) -> None:
    found = collect(driver, service={"environment": {"CUDA_INIT": "802", "CUDA_DRIVER": "12080", "LD_PRELOAD": "x"}})
    assert found["cuda"] == {
        "library": str(driver / "libcuda.so.580.95.05"),
        "init": 802,
        "driver": 12080,
        "devices": None,
        "problem": "",
        "user": found["cuda"]["user"],
        "host_only": False,
    }
    assert found["library"] is None  # the stand-in of NVML carries no version in its name
    assert found["reads"] == [str(driver / "libcuda.so.580.95.05")]


def test_what_stands_first_on_the_library_path_is_told(driver: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    compat = nvml.build_cuda(tmp_path / "compat", version="550.54.15")
    path = f"{compat}:{driver}"
    cuda = collect(driver, service={"environment": {"LD_LIBRARY_PATH": path, "CUDA_INIT": "803"}})["cuda"]
    assert (cuda["library"], cuda["init"]) == (str(compat / "libcuda.so.550.54.15"), 803)


def test_devices_are_counted(driver: Path) -> None:
    assert collect(driver, service={"environment": {"CUDA_COUNT": "4"}})["cuda"]["devices"] == 4


def test_a_service_in_a_container_is_not_met_with_its_own_libraries(driver: Path) -> None:
    cuda = collect(driver, running={"pid": 1}, contained=True)["cuda"]
    assert cuda["host_only"] is True
    assert cuda["library"] is None or not cuda["library"].startswith(str(driver))


def test_something_that_is_no_library_is_told(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").write_text("an empty image layer")
    cuda = collect(None, service={"environment": {"LD_LIBRARY_PATH": str(tmp_path)}})["cuda"]
    if cuda["init"] is not None:
        pytest.skip("this machine has a driver")
    assert "libcuda.so.1" in cuda["problem"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_libcuda_is_met_as_the_services_user(driver: Path, tmp_path: Path) -> None:
    for each in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        each.chmod(0o777)
    tells = tmp_path / "asked"
    found = collect(driver, service={"user": "nobody", "environment": {"CUDA_TELLS": str(tells)}})
    assert found["cuda"]["user"] == "nobody"
    assert tells.read_text().split()[0] == "65534"
    assert (tells.stat().st_uid, found["cuda"]["init"]) == (65534, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could do harm")
def test_root_loads_nothing_from_a_path_that_nobody_vouches_for(driver: Path) -> None:
    assert collect(driver, service={"user": None})["cuda"]["library"] is None


def test_a_driver_that_never_answers_is_left_behind(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Context()
    asked.service.environment.update(LD_LIBRARY_PATH=str(driver), CUDA_HANGS="1")
    object.__setattr__(asked.service, "user", "root" if os.geteuid() == 0 else None)
    answer = libcuda.Meeting(asked, None).answer(0)
    assert (answer["problem"], answer.get("init")) == ("the driver does not answer", None)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("init", 9, "nvmlInit_v2: Driver Not Loaded"),
        ("init:18", 18, "nvmlInit_v2: Driver/library version mismatch"),
        ("init:999", 999, "nvmlInit_v2: Unknown Error"),
    ],
)
def test_a_driver_that_refuses_says_why(driver: Path, fault: str, code: int, words: str) -> None:
    found = collect(driver, NVML_FAULT=fault)
    assert (found["driver"], found["nvml"], found["problem"], found["gpus"]) == (None, code, words, [])


def test_a_lost_gpu_is_told_beside_the_others(driver: Path) -> None:
    lost, other = collect(driver, NVML_GPUS="2", NVML_FAULT="handle@0")["gpus"]
    assert (lost["code"], lost["total"], lost["problems"]) == (15, None, ["nvmlDeviceGetHandleByIndex_v2: GPU is lost"])
    assert other["code"] is None


def test_a_machine_without_a_gpu_is_a_plain_answer() -> None:
    found = collect()
    if found["driver"] or found["module"]:
        pytest.skip("this machine has a driver")
    assert (found["driver"], found["nvml"], found["gpus"], found["nodes"]) == (None, 12, [], [])
    assert found["cuda"]["problem"] == "there is no libcuda.so.1"
    assert found["module"] is None


def pci(folder: Path, devices: list[tuple[str, str, str]]) -> Path:
    """A bus with devices of vendor, class and kernel driver."""
    for number, (vendor, kind, kernel) in enumerate(devices):
        device = folder / f"0000:{number:02x}:00.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")
        if kernel:
            (device / "driver").symlink_to(f"../../../bus/pci/drivers/{kernel}")
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A machine's /sys, to be laid over this one's."""
    if os.geteuid() != 0:
        pytest.skip("only root can lay another /sys over this one")
    module = tmp_path / "module" / "nvidia"
    module.mkdir(parents=True)
    (module / "version").write_text("570.124.06\n")
    return tmp_path


def over(host: Path) -> tuple[str, ...]:
    script = 'mount --bind "$0/module" /sys/module && mount --bind "$0/pci" /sys/bus/pci/devices && exec "$@"'
    return ("unshare", "-m", "--propagation", "private", "sh", "-c", script, str(host))


def test_the_bus_is_counted_with_the_kernel_drivers(host: Path) -> None:
    vga, three_d, sound, bridge = "0x030000", "0x030200", "0x040300", "0x068000"
    devices = [
        ("0x10de", three_d, "nvidia"),
        ("0x10de", three_d, "vfio-pci"),
        ("0x10de", vga, "nouveau"),
        ("0x10de", vga, ""),
        ("0x10de", sound, "snd_hda_intel"),
        ("0x10de", bridge, "nvidia-nvswitch"),
        ("0x8086", vga, "i915"),
    ]
    pci(host / "pci", devices)
    found = collect(before=over(host))
    assert (found["pci"], found["bound"]) == (4, ["nvidia", "vfio-pci", "nouveau", ""])
    assert found["switches"] == 1
    assert found["module"] == "570.124.06"


def test_nodes_say_whom_they_let_in(host: Path) -> None:
    pci(host / "pci", [("0x10de", "0x030000", "nvidia")])
    (host / "lay").write_text(
        "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 660 /dev/nvidia0 c 195 0 "
        '&& mknod -m 666 /dev/nvidiactl c 195 255 && chgrp video /dev/nvidia0 && exec "$@"'
    )
    before = ("unshare", "-m", "--propagation", "private", "sh", "-c", (host / "lay").read_text(), "x")
    closed = collect(before=before, service={"user": "nobody"})["nodes"]
    assert closed[0] == {"path": "/dev/nvidia0", "allowed": False, "owner": "root", "group": "video", "mode": "0660"}
    assert [node["allowed"] for node in closed] == [False, True]
    assert [node["allowed"] for node in collect(before=before)["nodes"]] == [True, True]


def test_it_runs_on_the_oldest_python(driver: Path) -> None:
    found = collect(driver, python=python_3_8())
    assert (found["gpus"][0]["total"], found["cuda"]["init"]) == (80 << 30, 0)


def test_here_it_tells_something_at_all() -> None:
    assert isinstance(Gpus.collect(Context()), Gpus)
