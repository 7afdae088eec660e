"""The whole playbook where people meet it: Open-AutoGLM's command for vLLM, and what a card's memory makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.command import Said

from .gpu_host import DROP_IN, GIB, L40S, MIB, RTX_4090, UNIT, GpuHost, gpu_host
from .lab import STATE, changes, proof, result, step

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    with gpu_host(tmp_path_factory.mktemp("gpus")) as gpu:
        yield gpu


@pytest.fixture
def gpu(lab: GpuHost) -> GpuHost:
    lab.as_new()
    return lab


def codes(said: Said, *severities: str) -> set[str]:
    """The findings of those severities, errors where none is named."""
    found = [finding for step in result(said)["steps"] for finding in step["findings"]]
    return {finding["code"] for finding in found if finding["severity"] in (severities or ("error",))}


def statuses(said: Said) -> dict[str, str]:
    return {step["diagnostic"]: step["status"] for step in result(said)["steps"]}


def cause(said: Said) -> Any:
    return result(said)["services"]["autoglm"]["cause"]


def written(gpu: GpuHost, before: dict[str, str | None]) -> set[str]:
    """What has changed on the host but for the inventory, and what the tool keeps of its runs."""
    now = gpu.host.written()
    found = {path for path in {*now, *before} if now.get(path) != before.get(path)}
    return {path for path in found if not path.startswith((STATE, "/root/"))}


def test_a_healthy_host_is_clean_and_nothing_is_written(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=L40S, NAMES="NVIDIA L40S")
    gpu.start()
    before = gpu.host.written()
    said = gpu.look()
    assert (said.code, result(said)["status"], set(statuses(said).values())) == (0, "clean", {"healthy"})
    assert codes(said, "error", "warning") == set()
    assert (written(gpu, before), gpu.starts, gpu.shown("ActiveState")) == (set(), 1, "active")
    text = gpu.fix("run", "no-output", "--dry-run").out
    assert "Nothing to do for localhost" in text
    assert len(text.splitlines()) < 12


def test_a_healthy_host_is_proved(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=L40S, NAMES="NVIDIA L40S")
    gpu.start()
    said = gpu.repair()
    (judged,) = result(said)["proof"]
    assert (said.code, result(said)["status"], judged["device"]) == (0, "verified", "NVIDIA L40S")
    assert {check["name"]: check["status"] for check in judged["checks"]} == dict.fromkeys(
        ("endpoint", "tokens", "gpu", "weights", "image"), "pass"
    )


def test_the_command_of_the_readme_is_made_to_fit_on_24_gb_and_it_all_comes_back(gpu: GpuHost) -> None:
    gpu.start()
    assert gpu.shown("ActiveState") == "failed"
    as_defined = gpu.shown("ExecStart").partition(" ; ignore")[0]
    before = gpu.host.written()

    look = gpu.look()
    assert (look.code, result(look)["status"], cause(look)) == (0, "pending", "vram.no-room")
    assert changes(look) == [("vram", "write_file", False), ("service", "restart", False)]
    (edit,) = step(look, "vram")["changes"]
    assert (edit["target"], edit["summary"]) == (DROP_IN, "start the service with --gpu-memory-utilization 0.97")
    assert "--gpu-memory-utilization 0.97" in edit["diff"]
    assert (written(gpu, before), gpu.starts) == (set(), 1)

    run = gpu.repair()
    assert (run.code, result(run)["status"], proof(run)) == (0, "verified", "verified")
    assert changes(run) == [("vram", "write_file", True), ("service", "restart", True)]
    assert "--port 8000 --gpu-memory-utilization 0.97" in gpu.shown("ExecStart")
    assert (gpu.starts, gpu.shown("ActiveState")) == (2, "active")

    again = gpu.repair()
    assert (again.code, result(again)["status"], changes(again), gpu.starts) == (0, "verified", [], 2)

    assert gpu.fix("undo", "--yes").code == 0
    assert written(gpu, before) == set()
    # It is down, as it was, and its next start is that of the definition as it was.
    assert (gpu.shown("ActiveState"), gpu.shown("NeedDaemonReload")) == ("inactive", "no")
    assert gpu.shown("ExecStart").partition(" ; ignore")[0] == as_defined


def test_the_cause_is_named_once_and_is_not_that_the_service_is_down(gpu: GpuHost) -> None:
    gpu.start()
    summary = gpu.fix("run", "no-output", "--dry-run").out.partition("\n\nlocalhost: ")[2]
    assert summary.count("(vram.no-room)") == 1
    assert "service.failed" not in summary and "service.crashed" not in summary
    assert "does not answer" in gpu.fix("run", "no-output", "--dry-run").out


def test_who_holds_the_memory_is_named_and_nothing_is_tried(gpu: GpuHost) -> None:
    holder = gpu.desktop(round(1.6 * GIB))
    gpu.start()
    before = gpu.host.written()
    said = gpu.look()
    (why,) = step(said, "vram")["declined"]
    assert (said.code, result(said)["status"], cause(said)) == (2, "unfixed", "vram.no-room")
    assert why["code"] == "lower_batch.held-by-others"
    assert holder in why["summary"] and "MiB more must be free" in why["summary"]
    # A start would fail again: none is made while what keeps it from coming up is left as it is.
    run = gpu.repair()
    assert (changes(run), step(run, "service")["status"], gpu.starts) == ([], "unfixed", 1)
    assert {each["code"] for each in step(run, "service")["declined"]} == {"run.in-vain"}
    assert written(gpu, before) == set()
    assert "reading" not in run.err, "no second, deeper look at 19 GiB for a fault that is known"


def test_once_the_desktop_is_gone_the_same_command_repairs_it(gpu: GpuHost) -> None:
    gpu.desktop(round(1.6 * GIB))
    gpu.start()
    assert gpu.repair().code == 2
    gpu.host.run("pkill", "-x", "Xorg")
    gpu.cards()
    assert (gpu.repair().code, gpu.starts) == (0, 2)


def test_what_a_desktop_leaves_is_used_with_a_shorter_context(gpu: GpuHost) -> None:
    gpu.desktop(round(0.8 * GIB))
    gpu.start()
    said = gpu.repair()
    assert (said.code, result(said)["status"]) == (0, "verified"), said.out
    (edit,) = step(said, "vram")["changes"]
    assert "--max-num-seqs 8" in edit["summary"] and "--max-model-len" in edit["summary"]


def test_an_engine_that_takes_all_is_given_what_is_free_less_what_it_needs_to_be_there(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=L40S, NAMES="NVIDIA L40S")
    gpu.define("--gpu-memory-utilization 0.998")
    gpu.start()
    assert gpu.shown("ActiveState") == "failed"
    said = gpu.repair()
    assert (said.code, cause(said), result(said)["status"]) == (0, "vram.less-free", "verified")


def test_weights_that_fit_on_no_card_are_said_to_and_the_card_that_would_do_is_named(gpu: GpuHost) -> None:
    gpu.machine(TOTAL=16_376 * MIB, NAMES="NVIDIA GeForce RTX 4080")
    gpu.start()
    said = gpu.look()
    assert (said.code, cause(said), changes(said)) == (2, "vram.weights-too-large", [])
    assert step(said, "vram")["declined"][0]["code"] == "lower_batch.weights-too-large"
    gpu.machine(2, TOTAL=f"{16_376 * MIB};{L40S}", NAMES="NVIDIA GeForce RTX 4080;NVIDIA L40S")
    gpu.define(variables="CUDA_VISIBLE_DEVICES=0\nCUDA_DEVICE_ORDER=PCI_BUS_ID\n")
    (why,) = step(gpu.look(), "vram")["declined"]
    assert why["code"] == "lower_batch.larger-gpu" and "GPU 1 (NVIDIA L40S)" in why["summary"]
    assert "CUDA_VISIBLE_DEVICES=1" in why["advice"]


def test_of_two_cards_the_one_that_is_left_visible_counts(gpu: GpuHost) -> None:
    gpu.machine(2, TOTAL=f"{RTX_4090};{L40S}", NAMES="NVIDIA GeForce RTX 4090;NVIDIA L40S")
    gpu.define(variables="CUDA_VISIBLE_DEVICES=1\nCUDA_DEVICE_ORDER=PCI_BUS_ID\n")
    gpu.start()
    said = gpu.repair()
    (judged,) = result(said)["proof"]
    assert (said.code, judged["status"], codes(said)) == (0, "verified", set()), said.out


def test_a_drop_in_is_no_more_open_than_the_unit_whose_key_it_repeats(gpu: GpuHost) -> None:
    gpu.define("--api-key sk-verysecret0123456789abcdef")
    gpu.host.run("chmod", "600", UNIT)
    assert gpu.repair("--no-verify").code == 0
    assert gpu.host.run("stat", "-c", "%a %U", DROP_IN).stdout == "600 root\n"
