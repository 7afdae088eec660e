"""A service whose manager calls it running, and which does not answer: it loads, or ends again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .gpu_host import L40S, GpuHost, gpu_host
from .lab import changes, proof, result, step

pytestmark = pytest.mark.slow
AGAIN = "Restart=always\nRestartSec=1"
OLD = "flash_attn"
# It has been started again so often.
UNTIL = 'until [ "$(systemctl show autoglm --value -p NRestarts)" -ge "$1" ]; do sleep 0.1; done'

LOADS = (
    "until systemctl is-active -q autoglm && journalctl -u autoglm -o cat -n 1 | grep -q Loading; do sleep 0.1; done"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    with gpu_host(tmp_path_factory.mktemp("gpus")) as gpu:
        yield gpu


@pytest.fixture
def gpu(lab: GpuHost) -> GpuHost:
    lab.as_new()
    return lab


def begin(gpu: GpuHost, restarts: int = 0) -> None:
    """Start it, and wait until it loads, after so many restarts; it does not listen by then."""
    gpu.host.run("rm", "-f", "/run/read")
    gpu.host.run("systemctl", "start", "autoglm")
    gpu.host.run("sh", "-c", f"{UNTIL}; {LOADS}", "sh", str(restarts))


def test_one_that_ends_again_and_again_for_want_of_memory_is_cured_of_that(gpu: GpuHost) -> None:
    gpu.define(more=AGAIN, variables="READS_FOR=2\n")
    begin(gpu, restarts=1)
    look = gpu.look()
    assert (look.code, result(look)["status"]) == (0, "pending")
    assert result(look)["services"]["autoglm"]["cause"] == "vram.no-room"
    run = gpu.repair()
    assert (run.code, result(run)["status"], proof(run)) == (0, "verified", "verified"), run.out
    assert changes(run) == [("vram", "write_file", True), ("service", "restart", True)]
    assert (gpu.shown("ActiveState"), gpu.shown("NRestarts")) == ("active", "0")


def test_what_its_manager_starts_again_and_again_for_another_reason_is_not_started_once_more(gpu: GpuHost) -> None:
    """An older reason, which is mended by now, is not told for the present one."""
    gpu.machine(TOTAL=L40S, NAMES="NVIDIA L40S")
    gpu.define(more=AGAIN, command=f"/bin/sh -c 'echo ModuleNotFoundError: no {OLD} >&2; exit 1'")
    gpu.host.run("systemctl", "start", "autoglm")
    gpu.host.run("sh", "-c", UNTIL, "sh", "1")
    gpu.define(more=AGAIN, command="/bin/sh -c 'echo OSError: [Errno 98] Address already in use >&2; exit 1'")
    gpu.host.run("sh", "-c", UNTIL, "sh", "4")
    gpu.host.run("journalctl", "--sync")
    run = gpu.repair()
    assert (run.code, changes(run), result(run)["services"]["autoglm"]["cause"]) == (2, [], "service.port-taken")
    assert {each["code"] for each in step(run, "service")["declined"]} == {"run.loops"}
    assert OLD not in str(step(run, "service")["findings"])


def test_a_first_load_that_will_fail_is_known_before_it_does(gpu: GpuHost) -> None:
    gpu.define(more=AGAIN, variables="READS_FOR=60\n")
    begin(gpu)
    look = gpu.look()
    assert (result(look)["status"], step(look, "vram")["status"]) == ("pending", "pending")
    assert step(look, "vram")["changes"][0]["summary"] == "start the service with --gpu-memory-utilization 0.97"


def test_one_that_still_loads_is_not_called_well_before_it_answers(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=L40S, NAMES="NVIDIA L40S")
    gpu.define(more=AGAIN, variables="READS_FOR=60\n")
    begin(gpu)
    look = gpu.look()
    assert (look.code, result(look)["status"], changes(look)) == (2, "unknown", [])
    (told,) = step(look, "timeouts")["findings"]
    assert (told["code"], told["severity"]) == ("timeouts.slow-start", "warning")
    assert result(look)["services"]["autoglm"]["symptom"] == "refused"
    gpu.host.write("/run/read", "")
    run = gpu.repair()
    assert (run.code, result(run)["status"], changes(run), gpu.starts) == (0, "verified", [], 1)
