"""lower_batch: the options of least harm that fit, and never one that is known to garble."""

from __future__ import annotations

from typing import Any

import pytest

from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.gpus import Gpus
from autoglm_fix.agent.facts.start_up import StartUp
from autoglm_fix.diagnostics.vram import vram
from autoglm_fix.diagnostics.vram_cards import cards
from autoglm_fix.diagnostics.vram_plan import plan
from autoglm_fix.diagnostics.vram_sums import Plan
from autoglm_fix.fixes.lower_batch import choose, lower_batch
from autoglm_fix.fixes.registry import Declined
from autoglm_fix.launch import read
from tests.diagnostics.vram_facts import README, environment, facts, gpus, model, service, sizes
from tests.launch.services import applied, source, texts
from tests.launch.services import service as launched


def sums(case: dict[str, Any]) -> Plan:
    launch = read(service(case))
    assert launch is not None
    found = plan(cards(gpus(case), launch, service(case)), model(case), sizes(case), launch, environment(case))
    assert found is not None
    return found


def desktop(taken: float, total: float = 23.6) -> dict[str, Any]:
    return {"total": total, "free": total - taken, "holders": [{"name": "Xorg", "gib": taken}] if taken else []}


@pytest.mark.parametrize(
    ("case", "options"),
    [
        pytest.param(desktop(0), {"--gpu-memory-utilization": "0.97"}, id="24 GB, empty"),
        pytest.param(
            desktop(0.8),
            {"--max-num-seqs": "8", "--gpu-memory-utilization": "0.9433", "--max-model-len": "20704"},
            id="24 GB, 0.8 GiB held by a desktop",
        ),
        pytest.param(desktop(1.6), None, id="24 GB, 1.6 GiB held by a desktop"),
        pytest.param(desktop(0, 31.4), {}, id="32 GB"),
        pytest.param(desktop(0, 47.4), {}, id="48 GB"),
        pytest.param(desktop(0, 78), {}, id="80 GB"),
        pytest.param({**desktop(0), "cards": 2, "added": "--tensor-parallel-size 2"}, {}, id="two cards of 24 GB"),
        pytest.param(
            {**desktop(8, 47.4)}, {"--gpu-memory-utilization": "0.8148"}, id="48 GB, 8 GiB held: the share goes down"
        ),
        pytest.param(
            {**desktop(0, 31.4), "added": "--max-model-len 8192"},
            {"--max-model-len": "10320"},
            id="a context that fails is raised to what a request needs",
        ),
        pytest.param(
            {"total": 23.6, "launch": "SGLANG", "version": "0.5.6"},
            {"--mem-fraction-static": "0.861"},
            id="SGLang on 24 GB: its own share is too small for the weights",
        ),
        pytest.param(
            {"total": 23.6, "launch": "SGLANG", "added": "--mem-fraction-static 0.97", "version": "0.5.6"},
            {"--mem-fraction-static": "0.861"},
            id="SGLang on 24 GB: a share that leaves nothing for the rest goes down",
        ),
        pytest.param(
            {**desktop(0.8), "launch": "SGLANG", "version": "0.5.6"},
            {"--mem-fraction-static": "0.903"},
            id="SGLang on 24 GB, 0.8 GiB held by a desktop",
        ),
        pytest.param({"total": 47.4, "launch": "SGLANG", "version": "0.5.6"}, {}, id="SGLang on 48 GB"),
        pytest.param(
            {"total": 23.6, "added": "--quantization fp8"}, {}, id="what cannot be computed is no reason for an option"
        ),
    ],
)
def test_the_options_that_fit(case: dict[str, Any], options: dict[str, str] | None) -> None:
    assert choose(sums(case)) == options


TOTALS = (19.6, 21.0, 22.4, 23.0, 23.6, 24.0, 31.4, 47.4, 78.0)
TAKEN = (0.0, 0.3, 0.8, 1.2, 1.6, 4.0, 8.0, 20.0)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("taken", [each for each in TAKEN if each < 19])
@pytest.mark.parametrize("launch", ["README", "SGLANG"])
def test_what_was_chosen_is_healthy_to_the_same_diagnostic(total: float, taken: float, launch: str) -> None:
    case = {**desktop(taken, total), "launch": launch, "version": "0.12.0" if launch == "README" else "0.5.6"}
    chosen = choose(sums(case))
    if chosen is None:
        return
    added = " ".join(f"{name} '{value}'" for name, value in chosen.items())
    after = vram(*facts({**case, "added": added}))
    assert [finding.code for finding in after if finding.severity == "error"] == []


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("taken", [each for each in TAKEN if each < 4])
def test_sglangs_share_leaves_its_graphs_and_activations_their_place(total: float, taken: float) -> None:
    """They live outside of the share: what is free, less a context, less what weights and cache take."""
    case = {**desktop(taken, total), "launch": "SGLANG", "version": "0.5.6"}
    share = (choose(sums(case)) or {}).get("--mem-fraction-static")
    assert share is None or (total - taken - 0.5) * (1 - float(share)) >= 1.3 + 0.5


@pytest.mark.parametrize("taken", TAKEN)
def test_the_share_leaves_room_for_the_context_that_vllm_holds_before_it_looks(taken: float) -> None:
    """Its "Free memory on device" is what is free once its own process is on the GPU: some hundred MiB less."""
    share = (choose(sums(desktop(taken, 47.4))) or {}).get("--gpu-memory-utilization", "0.9")
    assert float(share) * 47.4 <= 47.4 - taken - 0.3


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("taken", [0.0, 0.8, 1.6])
def test_nothing_that_is_known_to_harm_is_ever_chosen(total: float, taken: float) -> None:
    chosen = choose(sums(desktop(taken, total))) or {}
    assert not {"--enforce-eager", "--dtype", "--mm-processor-kwargs", "--quantization"} & set(chosen)
    assert int(chosen.get("--max-model-len", "25480")) >= 9553
    assert float(chosen.get("--gpu-memory-utilization", "0.9")) <= 0.97


def test_a_context_is_never_below_one_request() -> None:
    lowest = min(
        (
            int(options["--max-model-len"])
            for taken in range(0, 160, 2)
            if "--max-model-len" in (options := choose(sums(desktop(taken / 100))) or {})
        ),
        default=None,
    )
    assert lowest is None or lowest >= 1500 + 5814 + 3000


def declined(case: dict[str, Any]) -> Declined:
    finding = next(each for each in vram(*facts(case)) if each.severity == "error")
    (offer,) = lower_batch(finding, *facts(case)[:5])
    assert isinstance(offer, Declined)
    return offer


def test_whoever_holds_the_memory_is_named_with_how_much_must_go() -> None:
    offer = declined(desktop(1.6))
    assert offer.code == "lower_batch.held-by-others"
    assert offer.values["holders"] == ["Xorg (pid 812, desk, 1.6 GiB)"]
    assert 0 < offer.values["missing"] < 1 << 30


ARGUMENTS = README.partition("api_server ")[2]
COMPOSE = f"""\
# The phone's model.
services:
  vllm:
    image: vllm/vllm-openai:v0.12.0  # as the README says
    command: >-
      {ARGUMENTS}
    ports: ["8000:8000"]
"""
UNIT = "[Service]\nExecStart=/opt/autoglm/bin/{}\n"
PROGRAM = "[program:autoglm]\ncommand=/opt/autoglm/bin/{}\n"
DEFINED = {
    "a unit": lambda: launched("systemd", source("unit", "/etc/systemd/system/autoglm.service", UNIT.format(README))),
    "a program of supervisor's": lambda: launched(
        "supervisor", source("program", "/etc/a.conf", PROGRAM.format(README))
    ),
    "a compose file": lambda: launched("compose", source("compose", "/srv/compose.yml", COMPOSE), name="vllm"),
}


@pytest.mark.parametrize("manager", DEFINED)
def test_the_options_are_written_where_the_service_is_defined(manager: str) -> None:
    defined = DEFINED[manager]()
    case = gpus(desktop(0)), model({}), sizes({}), defined, environment({}), StartUp("down")
    finding = next(each for each in vram(*case) if each.severity == "error")
    changes = [each for each in lower_batch(finding, *case[:5]) if isinstance(each, WriteFile)]
    after = applied(defined, changes)
    assert len(changes) == 1
    assert [each.code for each in vram(*case[:3], after, *case[4:]) if each.severity == "error"] == []
    text = list(texts(after).values())[-1]
    assert "--gpu-memory-utilization 0.97" in text
    if manager == "a compose file":
        assert text.startswith("# The phone's model.\n") and "# as the README says" in text


def test_weights_that_are_too_large_need_another_gpu() -> None:
    assert declined({"total": 15.6}).code == "lower_batch.weights-too-large"


def test_a_larger_gpu_that_the_service_does_not_use_is_named() -> None:
    small = facts({"total": 15.6, "environment": {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}})
    large = facts({"total": 44.6, "cards": 2})
    both = Gpus("580.65.06", gpus=[small[0].gpus[0], large[0].gpus[1]])
    finding = next(each for each in vram(both, *small[1:]) if each.severity == "error")
    (offer,) = lower_batch(finding, both, *small[1:5])
    assert isinstance(offer, Declined) and offer.code == "lower_batch.larger-gpu"
    assert offer.values["larger"] == ["GPU 1 (NVIDIA GeForce RTX 4090): 44.6 GiB"]


def test_an_empty_card_that_is_too_small_is_said_to_be() -> None:
    assert declined({"total": 20.6}).code == "lower_batch.nothing-fits"


def test_a_program_of_one_s_own_is_left_alone() -> None:
    case = {"total": 15.6, "launch": "python3 serve.py"}
    (finding,) = vram(*facts(case))
    (offer,) = lower_batch(finding, *facts(case)[:5])
    assert isinstance(offer, Declined)
    assert offer.code == "lower_batch.own-program"
