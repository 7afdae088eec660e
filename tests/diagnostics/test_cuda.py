"""cuda: one row for each way in which driver, card, build and service fit together or do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics.cuda import cuda
from autoglm_fix.diagnostics.versions import NeedsVersions
from autoglm_fix.locale import LANGUAGES, Catalogue

from .cuda_facts import environment, gpus, service

# Versions are texts: 2.10 is not 2.1.
CASES = yaml.load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
NUMBERS = ("init", "driver", "devices", "nvml", "pci", "switches", "mode", "code", "pid")


def typed(value: Any, *, key: str = "", inside: bool = False) -> Any:
    """What the loader left as texts, as JSON would have it."""
    if isinstance(value, dict):
        return {
            name: typed(each, key=name, inside=key in ("cuda", "gpus", "gpu") or inside) for name, each in value.items()
        }
    if isinstance(value, list):
        return [typed(each, key=key, inside=inside and key != "nodes") for each in value]
    if value in ("true", "false"):
        return value == "true"
    if value == "null":
        return None
    if inside and key in NUMBERS and len(value) < 6 and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value


ROWS = [typed(case) for case in CASES]


def found(case: dict[str, Any]) -> list[Finding]:
    return list(cuda(gpus(case), environment(case), service(case)))


@pytest.mark.parametrize("case", ROWS, ids=[case["case"] for case in ROWS])
def test_facts_give_findings(case: dict[str, Any]) -> None:
    said = found(case)
    assert [each.code.partition(".")[2] for each in said] == case["findings"]
    assert len({(each.code, each.subject) for each in said}) == len(said)
    cures = [each for each in said if isinstance(each, NeedsVersions)]
    assert all(each.requirements for each in cures)
    if case.get("requires", "none") != "none":
        assert [each.requirements for each in cures] == [case["requires"]] * len(cures)
        assert cures
    if "index" in case:
        names = ["torch", "torchvision", "torchaudio"]
        assert [each.indexes for each in cures] == [[{"url": case["index"], "names": names}]] * len(cures)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", ROWS, ids=[case["case"] for case in ROWS])
def test_every_finding_can_be_said(case: dict[str, Any], language: str) -> None:
    catalogue = Catalogue(language)
    for each in found(case):
        values = {"subject": each.subject, **each.evidence}
        assert "{" not in catalogue.part(each.code, "summary", values)
        assert catalogue.part(each.code, "advice", values)


def test_a_healthy_case_says_nothing_that_counts() -> None:
    for case in ROWS:
        if case["case"].startswith("healthy"):
            assert found(case) == []


HOSTILE = ["", "x", "{{ 7*7 }}", "9" * 400, "1.x", "-1", "\x00", "cu", "+", "12.8.1", "\u2028"]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:12])
def test_no_text_of_a_host_is_a_bug(value: str) -> None:
    case: dict[str, Any] = {"driver": "580.95.05", "cards": ["8.9"], "torch": "2.9.1", "argv": "vllm serve /m"}
    for change in (
        {"gpus": {"driver": value, "module": value, "library": value}},
        {"cuda": {"library": value, "init": 803}},
        {"gpu": {"name": value}},
        {"torch": value, "build": value},
        {"installed": {"vllm": value, "transformers": value, "torchvision": value}},
        {"python": value, "glibc": value},
        {"machine": value},
        {"environment": {"CUDA_VISIBLE_DEVICES": value}},
        {"metadata": {"torch": [value], "vllm": [value]}, "installed": {"vllm": "0.12.0"}},
        {"gpus": {"nodes": [{"path": value, "allowed": False, "mode": value}]}, "cuda": {"init": 100}},
        {"unit": value, "argv": ""},
        {"container": {"HostConfig": value}},
        {"container": {"HostConfig": {"Devices": value}}},
    ):
        for finding in found({**case, **change}):
            assert finding.code.startswith("cuda.")


def test_an_environment_that_is_none_leaves_the_drivers_part() -> None:
    case: dict[str, Any] = {"driver": "580.95.05", "cards": ["9.0"], "cuda": {"init": 802}}
    said = list(cuda(gpus(case), Environment("", "", "", absent="ollama is no Python program"), service(case)))
    assert [each.code for each in said] == ["cuda.not-ready"]
