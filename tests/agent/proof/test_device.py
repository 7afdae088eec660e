"""Where a copy of the model goes, on machines that no test has: torch's answers are made up here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autoglm_fix.agent.proof import device

GIB = 1 << 30


def torch_with(*free: int, total: int = 80 * GIB, hidden: bool = False) -> Any:
    """A CUDA build of torch that sees a GPU for each number of free bytes."""

    def init() -> None:
        raise RuntimeError("Found no NVIDIA driver on your system.\nPlease check that you have one")

    def info(index: int) -> tuple[int, int]:
        if not free[index]:
            raise RuntimeError("CUDA error: out of memory")
        return free[index], total

    about = [
        SimpleNamespace(name="NVIDIA A100", uuid=f"5a0c-{index}", major=8, minor=0, total_memory=total)
        for index in range(len(free))
    ]
    cuda = SimpleNamespace(
        get_arch_list=lambda: ["sm_80"],
        is_available=lambda: bool(free),
        device_count=lambda: len(free),
        get_device_properties=about.__getitem__,
        mem_get_info=info,
        init=init,
    )
    return SimpleNamespace(__version__="2.13.0+cu130", version=SimpleNamespace(cuda="13.0", hip=None), cuda=cuda)


def test_what_the_driver_said_of_free_memory_spares_asking_torch() -> None:
    found = device.look(torch_with(0, 3 * GIB), {"GPU-5a0c-0": 7})
    assert [each["free"] for each in found["devices"]] == [7, 3 * GIB]
    assert [each["uuid"] for each in found["devices"]] == ["GPU-5a0c-0", "GPU-5a0c-1"]
    assert found["problem"] is None


def test_a_gpu_too_full_to_be_asked_has_no_room() -> None:
    assert device.look(torch_with(0), {})["devices"][0]["free"] == 0


def test_a_build_for_the_cpu_says_so() -> None:
    torch = torch_with()
    torch.version.cuda = None
    assert device.look(torch, {})["problem"] == ["cpu-build", "torch 2.13.0+cu130 is a build for the CPU"]


@pytest.mark.parametrize(
    ("visible", "code"), [(None, "no-driver"), ("0", "no-driver"), ("", "hidden"), ("-1", "hidden")]
)
def test_no_gpu_is_told_from_hidden_ones(monkeypatch: pytest.MonkeyPatch, visible: str | None, code: str) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.look(torch_with(), {})["problem"] == [code, "Found no NVIDIA driver on your system."]


@pytest.mark.parametrize(
    ("free", "needed", "accelerate", "place"),
    [
        ([], 1, True, None),
        ([20 * GIB], 19 * GIB, True, "cuda:0"),
        ([20 * GIB], 21 * GIB, True, None),
        ([5 * GIB, 30 * GIB], 19 * GIB, True, "cuda:1"),
        ([12 * GIB, 12 * GIB], 19 * GIB, True, "auto"),
        ([12 * GIB, 12 * GIB], 19 * GIB, False, None),
        ([10 * GIB, 10 * GIB], 19 * GIB, True, None),
    ],
)
def test_the_gpu_with_the_most_room_is_taken(
    monkeypatch: pytest.MonkeyPatch, free: list[int], needed: int, accelerate: bool, place: str | None
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object() if accelerate else None)
    assert device.choose({"devices": [{"free": each} for each in free]}, needed) == place


def test_a_device_that_computes_has_no_problem() -> None:
    torch = pytest.importorskip("torch", reason="this Python has no torch: install the extra `verify`")
    assert device.cannot_compute(torch, "cpu") is None


def test_a_device_without_kernels_is_told() -> None:
    torch = pytest.importorskip("torch", reason="this Python has no torch: install the extra `verify`")
    problem = device.cannot_compute(torch, "meta")
    assert problem is not None
    assert problem[0] == "kernel"
